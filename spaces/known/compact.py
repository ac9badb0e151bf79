"""SRVGGNetCompact of Real-ESRGAN."""

from collections.abc import Sequence

from qnas.core.components import Block
from qnas.spaces.blocks.chain import Chain
from qnas.spaces.foreign.naming import Naming
from qnas.spaces.known.ecbsr import ECBSR


class Compact(ECBSR):
    """SRVGGNetCompact, the small network of Real-ESRGAN (Wang et al. 2021), with 16 convolutions in its body.

    It has the layers of ECBSR's inference form. That of ``realesr-general-x4v3`` has a body of 32 convolutions. Differs
    in two ways: one slope per PReLU instead of one per channel; the one learned gain beside the image-space residual.
    Its authors' weights go with ``activation: channel-prelu``, and make the gain 1.
    """

    def namings(self, scale: int) -> Sequence[Naming]:
        """See :meth:`.WithWeights.namings`."""
        del scale
        inside = [f"body.{i}.{j}" for i, (block, _) in enumerate(self.blocks()) for j in range(_length(block))]
        slots = ["head.0", *inside, "upsample.0"]
        names = {f"body.{2 * i}": path for i, path in enumerate(slots)}
        slopes = {f"body.{2 * i + 1}": f"{path}.activation.activation" for i, path in enumerate(slots[1:])}
        constants = {"gain.value": 1.0}
        return [Naming("xinntao/Real-ESRGAN, realesrgan/archs/srvgg_arch.py", names, slopes, constants)]


def _length(block: Block) -> int:
    return block.length if isinstance(block, Chain) else 0
