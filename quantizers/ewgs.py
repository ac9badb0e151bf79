"""Element-wise gradient scaling.

Lee et al. 2021, "Network Quantization with Element-wise Gradient Scaling", arXiv 2104.00903.
"""

from typing import Literal

from pydantic import NonNegativeFloat
from torch import Tensor

from qnas.core.components import FakeQuantizer, Quantizer
from qnas.quantizers.bases.learned_range import LearnedRange
from qnas.quantizers.rounding import round_to_steps
from qnas.quantizers.statistics import deviation

_DEVIATIONS = 3.0


class EWGS(Quantizer):
    """Learned intervals, and gradients scaled by the rounding error of each element.

    For k bits, an interval [l, u], and the gradient g of x_q:

        x_n = clip((x - l) / (u - l), 0, 1)
        x_q = round((2^k - 1) x_n) / (2^k - 1)
        dL/dx_n = g (1 + delta sign(g) (x_n - x_q))

    so that a value moves more the further it is from the next level.

    Note:
        The paper leaves weights in [-1, 1] and activations in [0, 1] and multiplies each layer's output by a learned
        scale. SR networks have no Batch Norm, so here x_q is mapped back to the interval: Q(x) = l + (u - l) x_q.
        Integer kernels need zero on the grid, so only u is learned: l is 0 after a ReLU, otherwise the lowest value of
        two's complement. Weights have an interval for each output channel, in the paper for each layer. Delta is
        constant; the paper's schedule, which estimates it from the trace of the Hessian, is left out. The logarithm of
        u is trained, so that u stays positive and Adam changes it in proportion to its value.

    Attributes:
        delta: How much gradients are scaled; 0 passes them straight through.
        start: The first interval: 3 standard deviations as ``published``, [-3 sigma, 3 sigma] or [0, 3 sigma], or the
            one of ``least-error`` (squared), which is far better at 2 and 3 bits until the network is trained.
    """

    delta: NonNegativeFloat = 1e-3
    start: Literal["least-error", "published"] = "published"

    def fake_quantizer(self, bits: int, *, signed: bool, channels: int | None = None) -> FakeQuantizer:
        """See :meth:`qnas.Quantizer.fake_quantizer`."""
        return EWGSFakeQuantizer(bits, signed, channels, self.delta, least_error=self.start == "least-error")


class EWGSFakeQuantizer(LearnedRange):
    """One tensor's quantizer; its interval is the range of its grid."""

    def __init__(self, bits: int, signed: bool, channels: int | None, delta: float, *, least_error: bool) -> None:
        super().__init__(bits, signed, channels, least_error=least_error)
        self.delta = delta

    def first_end(self, tensor: Tensor) -> Tensor:
        """Three standard deviations."""
        return deviation(tensor, self.log_step, signed=self.signed) * _DEVIATIONS

    def forward(self, tensor: Tensor) -> Tensor:
        """``tensor`` on the grid, differentiable in it and in the interval."""
        return round_to_steps(tensor, self.step, self.q_min, self.q_max, delta=self.delta)
