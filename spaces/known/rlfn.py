"""RLFN."""

from collections.abc import Sequence

from pydantic import PositiveInt

from qnas.core.components import Activation
from qnas.spaces.foreign.naming import Naming, in_blocks
from qnas.spaces.skeleton import Body, Skeleton

_ATTENTION = {"conv1": "reduce", "conv2": "shrink", "conv3": "pooled.0", "conv_f": "bypass", "conv4": "expand"}


class RLFN(Skeleton):
    """RLFN (Kong et al. 2022): six residual local feature blocks. As published.

    Its authors' weights are read as trained on images in 0..255, as those are that they published.
    """

    example = {"channels": 8, "body": ["rlfb"]}

    channels: PositiveInt = 52
    activation: Activation = "leaky-relu"
    body: Body = ({"block": "rlfb", "repeat": 6},)  # type: ignore[assignment]

    def namings(self, scale: int) -> Sequence[Naming]:
        """See :meth:`.WithWeights.namings`; test_demo.py gives the network images in 0..255."""
        del scale
        inside = {f"c{i + 1}_r": f"refine.{i}" for i in range(3)} | {"c5": "fuse"}
        inside |= {f"esa.{name}": f"attention.{path}" for name, path in _ATTENTION.items()}
        blocks = in_blocks(len(self.blocks()), "block_{}", "body.{}", inside)
        ends = {"conv_1": "head.0", "conv_2": "fusion.0", "upsampler.0": "upsample.0"}
        source = "bytedance/RLFN, model/rlfn.py and block.py"
        return [Naming(source, blocks | ends, enters=255, leaves=255)]
