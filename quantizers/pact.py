"""Parameterized clipping activation.

Choi et al. 2018, "PACT: Parameterized Clipping Activation for Quantized Neural Networks", arXiv 1805.06085.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from pydantic import NonNegativeFloat
from torch import Tensor

from qnas.core.components import FakeQuantizer, Quantizer
from qnas.quantizers.bases.learned_range import LearnedRange
from qnas.quantizers.dorefa import DoReFaWeights
from qnas.quantizers.rounding import clip_and_round


class PACT(Quantizer):
    """Activations clipped at a learned alpha; weights as in DoReFa, which the paper uses for them.

    For k bits (equations 1 to 3 of the paper):

        y = clip(x, 0, alpha) = (|x| - |x - alpha| + alpha) / 2
        y_q = round(y (2^k - 1) / alpha) alpha / (2^k - 1)
        dy_q/dalpha = 0 where x < alpha, 1 where x >= alpha

    and ``decay * alpha^2`` is added to the loss; without it, nothing would lower an alpha that clips no value.

    Note:
        The logarithm of alpha is trained, so that alpha stays positive and Adam changes it in proportion to its value.
        Signed activations are clipped on both sides, and their levels are moved by half a step to those of two's
        complement, so that zero is a level. For the weights see `dorefa`.

    Attributes:
        decay: Decay of the alphas; in the paper it is the weights' decay.
        start: The first alpha: the one of ``least-error`` (squared), or the ``largest`` absolute value observed. In the
            paper it is a large constant.
    """

    earlier_defaults: ClassVar[Mapping[int, Mapping[str, Any]]] = {1: {"start": "largest"}}

    decay: NonNegativeFloat = 1e-4
    start: Literal["least-error", "largest"] = "least-error"

    def fake_quantizer(self, bits: int, *, signed: bool, channels: int | None = None) -> FakeQuantizer:
        """See :meth:`qnas.Quantizer.fake_quantizer`."""
        if channels is not None:
            return DoReFaWeights(bits, channels)
        return PACTActivations(bits, signed, self.decay, least_error=self.start == "least-error")


class PACTActivations(LearnedRange):
    """The quantizer of activations; alpha is the end of their range."""

    def __init__(self, bits: int, signed: bool, decay: float, *, least_error: bool) -> None:
        super().__init__(bits, signed, None, least_error=least_error)
        self.decay = decay

    def forward(self, tensor: Tensor) -> Tensor:
        """``tensor`` on the grid, differentiable in it and in alpha."""
        step = _decaying(self.step, self.decay * self.steps_to_end**2)
        return clip_and_round(tensor, step, self.q_min, self.q_max)


def _decaying(parameter: Tensor, decay: float) -> Tensor:
    """``parameter``; its gradient includes that of ``decay * parameter^2``."""
    result: Tensor = _Decay.apply(parameter, decay)  # type: ignore[no-untyped-call]
    return result


class _Decay(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, parameter: Tensor, decay: float) -> Tensor:
        ctx.save_for_backward(parameter)
        ctx.decay = decay
        return parameter.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (parameter,) = ctx.saved_tensors
        return gradient + 2 * ctx.decay * parameter, None
