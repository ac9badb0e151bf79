"""DoReFa-Net.

Zhou et al. 2016, "DoReFa-Net: Training Low Bitwidth Convolutional Neural Networks with Low Bitwidth Gradients",
arXiv 1606.06160.
"""

from torch import Tensor

from qnas.core.components import FakeQuantizer, Quantizer, integer_range
from qnas.quantizers.bases.measured_step import MeasuredStep
from qnas.quantizers.rounding import clip_and_round, round_straight, steps_to_end
from qnas.quantizers.statistics import largest


class DoReFa(Quantizer):
    """Weights squashed by tanh, activations clipped to a fixed range: nothing is learned.

    The paper, for k bits, with the gradient straight through the rounding:

        quantize_k(r) = round((2^k - 1) r) / (2^k - 1)
        weights:        2 quantize_k(tanh(w) / (2 max|tanh(w)|) + 1/2) - 1
        activations:    quantize_k(clip(x, 0, 1))

    Note:
        Weights: the paper's weights fill [-1, 1], which Batch Norm compensates. SR networks have no Batch Norm, so
        weights are scaled back by max|w| here, which is a constant for the gradient, like max|tanh(w)|. Both maxima
        are taken per output channel, in the paper per layer. The paper's levels are the odd multiples of half a step,
        1 / (2^k - 1); here they are the even ones, one fewer, so that zero is a level and integer kernels need no
        offset.
        Activations: those of SR networks are unbounded, so the running mean of max|x| in training replaces 1; signed
        ones are clipped on both sides, to the integers of two's complement. Gradients are not quantized, unlike in
        the paper.
    """

    def fake_quantizer(self, bits: int, *, signed: bool, channels: int | None = None) -> FakeQuantizer:
        """See :meth:`qnas.Quantizer.fake_quantizer`."""
        return DoReFaActivations(bits, signed) if channels is None else DoReFaWeights(bits, channels)


class DoReFaActivations(MeasuredStep):
    """The quantizer of activations; its scale is the end of their range."""

    def __init__(self, bits: int, signed: bool, channels: int | None = None) -> None:
        super().__init__(bits, signed, channels, 1 / steps_to_end(*integer_range(bits, signed)))

    def measure(self, tensor: Tensor) -> Tensor:
        """The largest absolute value."""
        return largest(tensor, self.scale)

    def forward(self, tensor: Tensor) -> Tensor:
        """``tensor`` on the grid; the gradient passes inside the grid's range."""
        self.follow(tensor)
        return clip_and_round(tensor, self.grid().step, self.q_min, self.q_max)


class DoReFaWeights(DoReFaActivations):
    """The quantizer of weights (C_out, C_in / groups, k_h, k_w): tanh comes before the rounding."""

    def __init__(self, bits: int, channels: int) -> None:
        super().__init__(bits, True, channels)
        self.q_min = -self.q_max  # only the largest weight, if negative, could reach the lowest integer

    def normalise(self, weights: Tensor) -> Tensor:
        """``max|w| tanh(w) / max|tanh(w)|``, the values to round; their maximum is that of ``weights``."""
        scale = self.positive_scale()
        return weights.tanh() * (scale / scale.tanh()).to(weights.dtype)  # tanh rises, so max|tanh(w)| = tanh(max|w|)

    def forward(self, tensor: Tensor) -> Tensor:
        """:meth:`normalise` on the grid; the gradient passes everywhere, since no weight exceeds the largest."""
        self.follow(tensor)
        return round_straight(self.normalise(tensor), self.grid().step, self.q_min, self.q_max)
