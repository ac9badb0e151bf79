"""Losses that compare images by their frequencies."""

import torch
from torch import Tensor

from qnas.core.components import Loss


class Frequency(Loss):
    """The mean absolute difference of the amplitudes of all frequencies, from the Fourier transform of each channel.

    It is the amplitude term of Fuoli et al. 2021 (arXiv 2106.00783). It says nothing of where things are, so use it
    beside a loss that does, such as ``l1``. The transform is orthonormal, which keeps noise as large as it was.

    Note:
        The published loss also compares phases, and fades images out towards their edges. This one does neither.
    """

    def measure(self, enlarged: Tensor, target: Tensor) -> Tensor:
        """See :meth:`qnas.Loss.measure`."""
        apart = (_amplitudes(enlarged) - _amplitudes(target)).abs()
        result: Tensor = (apart * _repeated(target.shape[-1]).to(apart)).sum() / target.numel()
        return result


def _amplitudes(images: Tensor) -> Tensor:
    """(N, 3, H, W // 2 + 1) the amplitudes of half the frequencies of (N, 3, H, W) images; the others mirror them."""
    amplitudes: Tensor = torch.fft.rfft2(images.float(), norm="ortho").abs()
    return amplitudes


def _repeated(width: int) -> Tensor:
    """(W // 2 + 1,) how many columns of the whole spectrum each computed one stands for."""
    columns = torch.full((width // 2 + 1,), 2.0)
    columns[0] = 1
    if width % 2 == 0:
        columns[-1] = 1
    return columns
