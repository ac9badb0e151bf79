"""Trained quantization thresholds.

Jain et al. 2020, "Trained Quantization Thresholds for Accurate and Efficient Fixed-Point Inference of Deep Neural
Networks", arXiv 1903.08066.
"""

import math
from typing import Any

import qnas
import torch
from torch import Tensor, nn

_DEVIATIONS = 3.0


class TQT(qnas.Quantizer):
    """Steps that are powers of two, so that integer kernels can rescale by shifts, and trained thresholds.

    With b bits, a threshold t and the integers [n, p], which are [-2^(b-1), 2^(b-1) - 1] for signed tensors and
    [0, 2^b - 1] for unsigned ones:

        s = 2^ceil(log2 t) / 2^(b-1) signed, 2^ceil(log2 t) / 2^b unsigned
        q(x) = clip(round(x / s), n, p) s

    log2 t is trained, and its gradient passes through the rounding and the ceil as if they were not there:

        dq/d(log2 t) = s ln 2 * (round(x / s) - x / s)  where n <= round(x / s) <= p, else s ln 2 * (n or p)
        dq/dx = 1  where n <= round(x / s) <= p, else 0

    So the threshold balances the rounding errors of the values inside against what clipping cuts off the others.

    Note:
        Weights have a threshold for each output channel; in the paper, for each layer. Thresholds start at 3 standard
        deviations, or at the largest value if that is less. The paper starts those of activations where the
        distribution of the values changes least. The paper freezes thresholds late in training so that they do not jump
        between two powers of two; here, the learning rate falls to 0, which has the same effect.
    """

    def fake_quantizer(self, bits: int, *, signed: bool, channels: int | None = None) -> qnas.FakeQuantizer:
        """See :meth:`qnas.Quantizer.fake_quantizer`."""
        return TrainedThreshold(bits, signed, channels)


class TrainedThreshold(qnas.FakeQuantizer):
    """One tensor's quantizer. ``log2_threshold`` is a scalar, or (C_out, 1, 1, 1) for weights."""

    def __init__(self, bits: int, signed: bool, channels: int | None) -> None:
        super().__init__()
        self.q_min, self.q_max = qnas.integer_range(bits, signed)
        self.steps_to_threshold = bits - 1 if signed else bits  # as a power of two
        shape = () if channels is None else (channels, 1, 1, 1)
        # A parameter, so that it is trained, saved and moved to the device. It starts out right for a standard normal.
        self.log2_threshold = nn.Parameter(torch.full(shape, math.log2(_DEVIATIONS)))

    @property
    def step(self) -> Tensor:
        """The step, a power of two, in the shape of the threshold."""
        return torch.exp2(self.log2_threshold.detach().ceil() - self.steps_to_threshold)

    @torch.no_grad()
    def observe(self, tensor: Tensor) -> None:
        """Start at 3 standard deviations of ``tensor`` around zero, but at most at its largest value."""
        over: dict[str, Any] = {"dim": (1, 2, 3), "keepdim": True} if self.log2_threshold.dim() else {}
        values = tensor.to(self.log2_threshold)
        count = (values != 0).sum(**over)  # without the zeros of a ReLU, which say nothing about the deviation
        deviation = (values.square().sum(**over) / count.clamp_min(1)).sqrt()
        start = torch.minimum(_DEVIATIONS * deviation, values.abs().amax(**over))
        # Choose on the device, because an ``if`` would wait for it. A tensor of zeros leaves the threshold as it is.
        self.log2_threshold.copy_(torch.where(start > 0, start.log2(), self.log2_threshold))

    def forward(self, tensor: Tensor) -> Tensor:
        """``tensor`` on the grid, differentiable in it and in the threshold."""
        result: Tensor = _Quantize.apply(  # type: ignore[no-untyped-call]
            tensor, self.log2_threshold, self.step, self.q_min, self.q_max
        )
        return result

    def grid(self) -> qnas.Grid:
        """The grid as it stands now."""
        return qnas.Grid(self.step, self.q_min, self.q_max)


class _Quantize(torch.autograd.Function):
    """The equations of :class:`TQT`.

    The gradients are written out because autograd would sum round(x / s) and x / s separately. The threshold learns
    from their difference, which bfloat16 then loses: at 8 bits, nothing is left of it.
    """

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, log2_threshold: Tensor, step: Tensor, q_min: int, q_max: int) -> Tensor:
        ctx.save_for_backward(tensor, log2_threshold, step)
        ctx.limits = q_min, q_max
        step = step.to(tensor.dtype)  # exact: it is a power of two
        return (tensor / step).round_().clamp_(q_min, q_max).mul_(step)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        tensor, log2_threshold, step = ctx.saved_tensors
        q_min, q_max = ctx.limits
        in_steps = tensor / step.to(tensor.dtype)
        levels = in_steps.round()
        inside = (levels >= q_min) & (levels <= q_max)
        slope = torch.where(inside, levels - in_steps, levels.clamp(q_min, q_max))
        total = (gradient * slope).sum_to_size(log2_threshold.shape).to(log2_threshold)
        return gradient * inside, total * step * math.log(2), None, None, None
