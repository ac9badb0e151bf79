"""RFDN."""

from collections.abc import Sequence
from typing import Literal

from pydantic import PositiveInt

from qnas.core.components import Activation
from qnas.spaces.foreign.naming import Naming, in_blocks
from qnas.spaces.skeleton import Body, Convolutions, Skeleton

_PARTS = {"d": "distill", "r": "refine"}
_ATTENTION = {
    "conv1": "attention.reduce",
    "conv2": "attention.shrink",
    "conv_max": "attention.pooled.0",
    "conv3": "attention.pooled.1",
    "conv3_": "attention.pooled.2",
    "conv_f": "attention.bypass",
    "conv4": "attention.expand",
}


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

    def namings(self, scale: int) -> Sequence[Naming]:
        """See :meth:`.WithWeights.namings`."""
        del scale
        inside = {f"c{i + 1}_{kind}": f"{part}.{i}" for i in range(3) for kind, part in _PARTS.items()}
        inside |= {"c4": "refine.3", "c5": "fuse"} | {f"esa.{name}": path for name, path in _ATTENTION.items()}
        blocks = in_blocks(len(self.blocks()), "B{}", "body.{}", inside)
        ends = {"fea_conv": "head.0", "c.0": "fusion.0", "LR_conv": "fusion.1", "upsampler.0": "upsample.0"}
        return [Naming("njulj/RFDN, RFDN.py and block.py", blocks | ends)]
