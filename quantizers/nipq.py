"""Noise proxy-based integrated pseudo-quantization.

Shin et al. 2023, "NIPQ: Noise proxy-based Integrated Pseudo-Quantization", arXiv 2206.00820.
"""

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from qnas.core.components import FakeQuantizer, Quantizer
from qnas.quantizers.bases.learned_range import LearnedRange
from qnas.quantizers.noise import noise_like
from qnas.quantizers.rounding import clip_and_round, sum_like

_UNIT_WIDTH = 1 / math.sqrt(12)  # the standard deviation of uniform noise that is 1 wide


class NIPQ(Quantizer):
    """Values are truncated at a learned alpha; inside, noise replaces rounding in training.

    For k bits, the step D = alpha / (2^k - 1), twice that if signed, and noise n uniform in [-1/2, 1/2]:

        in training:    Q(x) = x + n D inside the truncation, its ends outside
        in evaluation:  Q(x) = D clamp(round(x / D), q_min, q_max)

    In training everything is differentiable, so no gradient has to be passed straight through: dQ/dx is 1 inside and 0
    outside, dQ/dD is n inside and q_min or q_max outside. Unlike `noise`, evaluation really quantizes, so that this
    quantizer can also train the found network.

    Note:
        The paper learns the bit-width too; here the search chooses it, and each width has its own alpha. The noise is
        uniform, as rounding errors are in theory; the published code draws it from their histogram. The ends are those
        of two's complement, or 0 and alpha; in the paper they are -alpha or 0, and alpha. Weights have one alpha for
        each output channel, in the paper for each layer. The logarithm of alpha is trained, in the published code the
        inverse of its softplus.

    Attributes:
        start: The first alpha: the one of ``least-error`` (squared), or the ``largest`` absolute value, whose step is
            far too long at few bits.
    """

    earlier_defaults: ClassVar[Mapping[int, Mapping[str, Any]]] = {1: {"start": "largest"}}

    start: Literal["least-error", "largest"] = "least-error"

    def fake_quantizer(self, bits: int, *, signed: bool, channels: int | None = None) -> FakeQuantizer:
        """See :meth:`qnas.Quantizer.fake_quantizer`."""
        return NIPQFakeQuantizer(bits, signed, channels, least_error=self.start == "least-error")


class NIPQFakeQuantizer(LearnedRange):
    """One tensor's quantizer; alpha is the end of its range."""

    def forward(self, tensor: Tensor) -> Tensor:
        """``tensor`` truncated, with noise in training, on the grid in evaluation."""
        if not self.training:
            return clip_and_round(tensor, self.step, self.q_min, self.q_max)
        noise = noise_like(tensor, "uniform", of_weights=bool(self.log_step.dim()))
        return add_noise_inside(tensor, self.step, self.q_min, self.q_max, noise)


def add_noise_inside(tensor: Tensor, step: Tensor, q_min: int, q_max: int, noise: Tensor) -> Tensor:
    """``tensor`` clipped to ``[q_min * step, q_max * step]``, with noise of one step's width inside that range.

    A value at an end, such as a zero after a ReLU, gets no noise, but its gradient passes.

    Args:
        tensor: Any shape.
        step: A scalar, or (C_out, 1, 1, 1); above 0.
        q_min: Smallest integer.
        q_max: Largest integer.
        noise: Noise of variance 1, in the shape of ``tensor``.
    """
    result: Tensor = _AddNoiseInside.apply(tensor, step, q_min, q_max, noise)  # type: ignore[no-untyped-call]
    return result


class _AddNoiseInside(torch.autograd.Function):
    """Saves the tensor and the noise for the gradient; the noise is a view of a pool, so it takes no memory."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, step: Tensor, q_min: int, q_max: int, noise: Tensor) -> Tensor:
        ctx.save_for_backward(tensor, step, noise)
        ctx.limits = q_min, q_max
        size = step.to(tensor.dtype)
        low, high = size * q_min, size * q_max
        inside = (tensor > low) & (tensor < high)
        return tensor.clamp(low, high).addcmul_(noise * inside, size * _UNIT_WIDTH)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        tensor, step, noise = ctx.saved_tensors
        q_min, q_max = ctx.limits
        v = tensor / step.to(tensor.dtype)
        slope = torch.where((v > q_min) & (v < q_max), noise * _UNIT_WIDTH, v.clamp(q_min, q_max))
        passed = gradient * ((v >= q_min) & (v <= q_max))
        return passed, sum_like(gradient * slope, step), None, None, None
