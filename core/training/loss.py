"""The loss that training and the search minimize."""

from torch import Tensor


def mean_absolute_error(enlarged: Tensor, hr: Tensor) -> Tensor:
    """The mean of ``|enlarged - hr|``, two batches of one shape, in float32.

    Its gradient has the memory layout of ``enlarged``. The gradient of ``F.l1_loss`` is contiguous, which slows down
    the rest of the backward pass if the features are channels last.
    """
    return (enlarged.float() - hr).abs().sum() / hr.numel()
