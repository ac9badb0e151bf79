"""LSQ with offsets (LSQ+).

Bhalgat et al. 2020, "LSQ+: Improving low-bit quantization through learnable offsets and better initialization",
arXiv 2004.09576.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from qnas.core.components import FakeQuantizer, Grid, Quantizer
from qnas.quantizers.least_error import least_error_grid, spanning_grid
from qnas.quantizers.lsq import LSQFakeQuantizer
from qnas.quantizers.rounding import round_to_steps
from qnas.quantizers.statistics import over

Start = Literal["least-error", "min-max"]
Offsets = Literal["any", "whole-steps"]


class LSQPlus(Quantizer):
    """Learned steps, and for activations learned offsets, so that a skewed range wastes no levels.

        activations:    s * clamp(round((x - o) / s), q_min, q_max) + o
        weights:        s * clamp(round(w / s), q_min, q_max)

    The gradients of x and s are those of LSQ; that of o is 1 outside the grid and 0 inside.

    Note:
        The logarithm of the step is trained, and the offset as a share of the grid's width, so that Adam changes both
        in proportion to that width. Weights have a step for each output channel, in the paper for each layer.

    Attributes:
        start: How activations start: with the s and o of ``least-error`` (squared), or of the grid that spans the
            values (``min-max``), which outliers widen.
        weight_start: How weights start: as ``published``, with
            ``s = max(|mean - 3 sigma|, |mean + 3 sigma|) / 2^(k-1)``, or with the s of ``least-error``.
        offset: ``any`` as in the paper, or ``whole-steps``, which keeps zero on the grid: integer kernels with zero
            points and the zero padding of convolutions need that.
    """

    start: Start = "least-error"
    weight_start: Literal["least-error", "published"] = "published"
    offset: Offsets = "any"

    def fake_quantizer(self, bits: int, *, signed: bool, channels: int | None = None) -> FakeQuantizer:
        """See :meth:`qnas.Quantizer.fake_quantizer`."""
        if channels is not None:
            return LSQPlusWeights(bits, signed, channels, least_error=self.weight_start == "least-error")
        return LSQPlusActivations(bits, signed, self.start, self.offset)


class LSQPlusWeights(LSQFakeQuantizer):
    """The quantizer of weights: LSQ with another published start."""

    def first_step(self, tensor: Tensor) -> Tensor:
        """``max(|mean - 3 sigma|, |mean + 3 sigma|) / 2^(k-1)``."""
        of_channel = over(tensor, self.log_step)
        reach = tensor.mean(**of_channel).abs() + 3 * tensor.std(**of_channel, correction=0)
        return reach / -self.q_min


class LSQPlusActivations(LSQFakeQuantizer):
    """The quantizer of activations; it also learns the offset, as a share of the grid's width."""

    def __init__(self, bits: int, signed: bool, start: Start, offset: Offsets) -> None:
        super().__init__(bits, signed, None)
        self.fit = spanning_grid if start == "min-max" else least_error_grid
        self.whole_steps = offset == "whole-steps"
        self.relative_offset = nn.Parameter(torch.zeros(()))

    @property
    def offset(self) -> Tensor:
        """The offset, a scalar."""
        steps = self.relative_offset * (self.q_max - self.q_min)
        if self.whole_steps:
            steps = steps.clamp(-self.q_max, -self.q_min)
            steps = steps + (steps.round() - steps).detach()
        return steps * self.step

    @torch.no_grad()
    def observe(self, tensor: Tensor) -> None:
        """Start as :class:`LSQPlus` says; a constant tensor sets only the offset."""
        values = tensor.float().flatten()
        if self.whole_steps:
            values = torch.cat([values, values.new_zeros(1)])
        step, offset = self.fit(values, self.q_min, self.q_max)
        self.log_step.copy_(torch.where(step > 0, step.log(), self.log_step))
        self.relative_offset.copy_(offset / (self.step * (self.q_max - self.q_min)))

    def forward(self, tensor: Tensor) -> Tensor:
        """``tensor`` on the grid, differentiable in it, in the step and in the offset."""
        return round_to_steps(
            tensor,
            self.step,
            self.q_min,
            self.q_max,
            offset=self.offset,
            gradient_scale=self.gradient_scale(tensor),
        )

    def grid(self) -> Grid:
        """The current grid."""
        return Grid(self.step.detach(), self.q_min, self.q_max, self.offset.detach())
