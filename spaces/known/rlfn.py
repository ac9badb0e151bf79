"""RLFN."""

from pydantic import PositiveInt

from qnas.core.components import Activation
from qnas.spaces.skeleton import Body, Skeleton


class RLFN(Skeleton):
    """RLFN (Kong et al. 2022): six residual local feature blocks. As published."""

    example = {"channels": 8, "body": ["rlfb"]}

    channels: PositiveInt = 52
    activation: Activation = "leaky-relu"
    body: Body = ({"block": "rlfb", "repeat": 6},)  # type: ignore[assignment]
