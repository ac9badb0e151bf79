"""What training and the search lower."""

from torch import Tensor


def mean_absolute_error(enlarged: Tensor, hr: Tensor) -> Tensor:
    """The mean of ``|enlarged - hr|``, two batches of one shape, in float32.

    Its gradient lies in memory as ``enlarged`` does, where that of ``F.l1_loss`` is contiguous: behind channels-last
    features that one makes slow all that comes next in the backward pass.
    """
    return (enlarged.float() - hr).abs().sum() / hr.numel()
