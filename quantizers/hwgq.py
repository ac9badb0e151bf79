"""Half-wave Gaussian quantization.

Cai et al. 2017, "Deep Learning with Low Precision by Half-wave Gaussian Quantization", arXiv 1702.00953.
"""

import functools
import math

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from scipy.special import ndtr
from torch import Tensor

from qnas.core.components import FakeQuantizer, Quantizer, integer_range
from qnas.quantizers.bases.measured_step import MeasuredStep
from qnas.quantizers.rounding import clip_and_round
from qnas.quantizers.statistics import deviation


class HWGQ(Quantizer):
    """Fixed steps, optimal for a Gaussian input: nothing is learned.

    Activations after a ReLU use the uniform grid of least squared error for a half-normal input, weights and signed
    activations the one for a normal input. Each grid is scaled by the root mean square of its tensor in training: a
    running mean for activations, the value of the last step for weights.

    Note:
        In the paper, Batch Norm gives the quantizer unit-variance inputs; SR networks have no Batch Norm, so the scale
        is measured instead. The paper's weights are binary; here they have any width.

    Attributes:
        measured: Whether to measure the scale of activations; otherwise it is 1, as in the paper and in QuantNAS's
            code.
    """

    measured: bool = True

    def fake_quantizer(self, bits: int, *, signed: bool, channels: int | None = None) -> FakeQuantizer:
        """See :meth:`qnas.Quantizer.fake_quantizer`."""
        return HWGQFakeQuantizer(bits, signed, channels, measured=self.measured or channels is not None)


class HWGQFakeQuantizer(MeasuredStep):
    """One tensor's quantizer; its scale, a root mean square, multiplies the best step for variance 1."""

    def __init__(self, bits: int, signed: bool, channels: int | None, *, measured: bool) -> None:
        super().__init__(bits, signed, channels, optimal_step(bits, signed))
        self.measured = measured

    def measure(self, tensor: Tensor) -> Tensor:
        """Root mean square; after a ReLU, only of the positive values, which are the half-normal ones."""
        return deviation(tensor, self.scale, signed=self.signed) if self.measured else torch.ones_like(self.scale)

    def forward(self, tensor: Tensor) -> Tensor:
        """``tensor`` on the grid; the gradient passes inside the grid's range."""
        self.follow(tensor)
        return clip_and_round(tensor, self.grid().step, self.q_min, self.q_max)


@functools.cache
def optimal_step(bits: int, signed: bool) -> float:
    """The step of the uniform grid of least squared error for a standard normal input.

    Args:
        bits: At least 2.
        signed: False for the half-normal input that a ReLU leaves.
    """
    q_min, q_max = integer_range(bits, signed)
    levels = np.arange(q_min, q_max + 1, dtype=np.float64)
    ends = (-np.inf if signed else 0.0, np.inf)

    def error(step: float) -> float:
        """E[(x - Q(x))^2] up to the constant E[x^2], exactly: each level's cell has closed-form moments."""
        edges = np.array([ends[0], *(levels[1:] - 0.5) * step, ends[1]])
        mass = np.diff(ndtr(edges))
        first_moment = -np.diff(np.exp(-np.square(edges) / 2)) / math.sqrt(2 * math.pi)
        return float(step**2 * (levels**2 * mass).sum() - 2 * step * (levels * first_moment).sum())

    # Even at 16 bits, the best range of a grid ends within 12 standard deviations.
    upper = 12 / q_max
    return float(minimize_scalar(error, bounds=(0.05 * upper, upper), method="bounded", options={"xatol": 1e-9}).x)
