"""A file in its runtime, used like the network that it was written from."""

import numpy as np
import torch
from torch import Tensor, nn

from qnas.core.components import Runtime


class LoadedFile(nn.Module):
    """Enlarges with a file that is loaded in its runtime; it has no parameters of its own."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__()
        self._runtime = runtime

    def forward(self, lr: Tensor) -> Tensor:
        """(1, 3, H, W), RGB in 0..1, to (1, 3, H * scale, W * scale)."""
        return torch.from_numpy(self._runtime(np.ascontiguousarray(lr.cpu().numpy())))
