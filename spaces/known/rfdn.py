"""RFDN."""

from typing import Literal

from pydantic import PositiveInt

from qnas.core.components import Activation
from qnas.spaces.skeleton import Body, Convolutions, Skeleton


class RFDN(Skeleton):
    """RFDN (Liu et al. 2020) as it won the AIM 2020 challenge: four feature distillation blocks, all fused.

    As in its code: 433 K parameters. The paper's tables also have a variant with 48 channels and six blocks.
    """

    example = {"channels": 8, "body": ["rfdb"]}

    channels: PositiveInt = 50
    activation: Activation = "leaky-relu"
    body: Body = ({"block": "rfdb", "repeat": 4},)  # type: ignore[assignment]
    collect: Literal["last", "all"] = "all"
    fusion: Convolutions = ("conv1x1", "conv3x3")  # type: ignore[assignment]
