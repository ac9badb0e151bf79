"""How learning rates change over a training."""

import math

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR


class WarmCosine(CosineAnnealingLR):
    """Learning rates that rise linearly, then fall to 0 along a cosine.

    Step ``k`` of the warm-up, counted from 1, is at ``k / (warmup + 1)`` of the rate; the step after it is the first
    at the full rate.

    Args:
        optimizer: Whose rates these are.
        steps: Of the whole training.
        warmup: Steps of the warm-up, below ``steps``.
    """

    def __init__(self, optimizer: Optimizer, steps: int, warmup: int) -> None:
        self.warmup = warmup
        super().__init__(optimizer, steps - warmup)

    def get_lr(self) -> list[float | Tensor]:
        """The rates of the next step, by group."""
        return self._get_closed_form_lr()

    def _get_closed_form_lr(self) -> list[float | Tensor]:
        if self.last_epoch < self.warmup:
            return [rate * (self.last_epoch + 1) / (self.warmup + 1) for rate in self.base_lrs]
        return [
            rate * (1 + math.cos(math.pi * (self.last_epoch - self.warmup) / self.T_max)) / 2 for rate in self.base_lrs
        ]


def cosine(optimizer: Optimizer, steps: int, warmup: int = 0) -> CosineAnnealingLR:
    """Rates that fall to 0 along a cosine over ``steps``, after they have risen for ``warmup`` steps of these."""
    return WarmCosine(optimizer, steps, warmup) if warmup else CosineAnnealingLR(optimizer, steps)
