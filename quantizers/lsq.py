"""Learned step size quantization (Esser et al. 2020, "Learned Step Size Quantization", arXiv 1902.08153)."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from torch import Tensor

from qnas.core.components import FakeQuantizer, Quantizer
from qnas.quantizers.bases.learned_step import LearnedStep
from qnas.quantizers.rounding import round_to_steps
from qnas.quantizers.statistics import over

_MEAN_ABS_OF_NORMAL = math.sqrt(2 / math.pi)


class LSQ(Quantizer):
    """Learned step size: s * clamp(round(x / s), q_min, q_max) with s trained.

    Weights are signed, with one step per output channel. Activations have one step; they are unsigned after a ReLU and
    signed elsewhere.

    Note:
        The trained parameter is the logarithm of the step, so that the step stays positive and an optimizer with
        updates of a fixed size, such as Adam, changes it in proportion to its value. With the published start, the
        weights of a layer use about 26 of 256 levels at 8 bits, and training adds few.

    Attributes:
        start: The first step: the one of ``least-error`` (squared), or ``2 E|x| / sqrt(q_max)`` as ``published``.
    """

    earlier_defaults: ClassVar[Mapping[int, Mapping[str, Any]]] = {1: {"start": "published"}}

    start: Literal["least-error", "published"] = "least-error"

    def fake_quantizer(self, bits: int, *, signed: bool, channels: int | None = None) -> FakeQuantizer:
        """See :meth:`qnas.Quantizer.fake_quantizer`."""
        return LSQFakeQuantizer(bits, signed, channels, least_error=self.start == "least-error")


class LSQFakeQuantizer(LearnedStep):
    """One tensor's quantizer."""

    def unit_step(self) -> float:
        """See :meth:`first_step`."""
        return 2 * _MEAN_ABS_OF_NORMAL / math.sqrt(self.q_max)

    def first_step(self, tensor: Tensor) -> Tensor:
        """``2 E|x| / sqrt(q_max)``."""
        return 2 * tensor.abs().mean(**over(tensor, self.log_step)) / math.sqrt(self.q_max)

    def gradient_scale(self, tensor: Tensor) -> float:
        """``1 / sqrt(q_max * features)`` for the step, with the features of one output channel or of one image."""
        return 1 / math.sqrt(self.q_max * tensor[0].numel())

    def forward(self, tensor: Tensor) -> Tensor:
        """``tensor`` on the grid, differentiable in it and in the step (equations 1 to 3)."""
        return round_to_steps(tensor, self.step, self.q_min, self.q_max, gradient_scale=self.gradient_scale(tensor))
