"""A file in its runtime, used like the network that it was written from."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from qnas.core.components import Runtime
from qnas.core.errors import InputError


class LoadedFile(nn.Module):
    """Enlarges with a file that is loaded in its runtime; it has no parameters of its own.

    Args:
        runtime: The file.
        size: Height and width of the images that it takes, None for any.
    """

    def __init__(self, runtime: Runtime, size: Sequence[int] | None = None) -> None:
        super().__init__()
        self._runtime = runtime
        self._size = size

    def forward(self, lr: Tensor) -> Tensor:
        """(1, 3, H, W), RGB in 0..1, to (1, 3, H * scale, W * scale).

        Raises:
            InputError: The file takes images of another size.
        """
        if self._size is not None and list(lr.shape[2:]) != list(self._size):
            taken, given = (" x ".join(map(str, sides)) for sides in (self._size, lr.shape[2:]))
            raise InputError(f"the file takes images of {taken}, not {given} (height x width)")
        return torch.from_numpy(self._runtime(np.ascontiguousarray(lr.cpu().numpy())))
