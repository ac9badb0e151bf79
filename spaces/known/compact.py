"""SRVGGNetCompact of Real-ESRGAN."""

from qnas.spaces.known.ecbsr import ECBSR


class Compact(ECBSR):
    """SRVGGNetCompact, the small network of Real-ESRGAN (Wang et al. 2021), with 16 convolutions in its body.

    It has the layers of ECBSR's inference form. That of ``realesr-general-x4v3`` has a body of 32 convolutions. Differs
    in two ways: one slope per PReLU instead of one per channel; the one learned gain beside the image-space residual.
    """
