"""IMDN."""

from typing import Literal

from pydantic import PositiveInt

from qnas.core.components import Activation
from qnas.spaces.skeleton import Body, Convolutions, Skeleton


class IMDN(Skeleton):
    """IMDN (Hui et al. 2019): six information multi-distillation blocks, all fused. As published."""

    example = {"channels": 8, "body": ["imdb"]}

    channels: PositiveInt = 64
    activation: Activation = "leaky-relu"
    body: Body = ({"block": "imdb", "repeat": 6},)  # type: ignore[assignment]
    collect: Literal["last", "all"] = "all"
    fusion: Convolutions = ("conv1x1", "conv3x3")  # type: ignore[assignment]
