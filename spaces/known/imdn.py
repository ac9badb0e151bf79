"""IMDN."""

from collections.abc import Sequence
from typing import Literal

from pydantic import PositiveInt

from qnas.core.components import Activation
from qnas.spaces.foreign.naming import Naming, in_blocks
from qnas.spaces.skeleton import Body, Convolutions, Skeleton


class IMDN(Skeleton):
    """IMDN (Hui et al. 2019): six information multi-distillation blocks, all fused. As published."""

    example = {"channels": 8, "body": ["imdb"]}

    channels: PositiveInt = 64
    activation: Activation = "leaky-relu"
    body: Body = ({"block": "imdb", "repeat": 6},)  # type: ignore[assignment]
    collect: Literal["last", "all"] = "all"
    fusion: Convolutions = ("conv1x1", "conv3x3")  # type: ignore[assignment]

    def namings(self, scale: int) -> Sequence[Naming]:
        """See :meth:`.WithWeights.namings`."""
        del scale
        inside = {f"c{i + 1}": f"refine.{i}" for i in range(4)}
        inside |= {"c5": "fuse", "cca.conv_du.0": "attention.reduce", "cca.conv_du.2": "attention.expand"}
        blocks = in_blocks(len(self.blocks()), "IMDB{}", "body.{}.body", inside)
        ends = {"fea_conv": "head.0", "c.0": "fusion.0", "LR_conv": "fusion.1", "upsampler.0": "upsample.0"}
        return [Naming("Zheng222/IMDN, model/architecture.py and block.py", blocks | ends)]
