"""A cost: what a convolution costs."""

from pydantic import PositiveInt

import qnas


class MyCost(qnas.Cost):
    """Bits that weights and biases take up, each counted once however often it is used.

    Attributes:
        bias_bits: Bits of a bias.
    """

    bias_bits: PositiveInt = 32

    def of_convolution(self, convolution: qnas.ConvolutionShape) -> int:
        """See :meth:`qnas.Cost.of_convolution`."""
        if convolution.repeated:
            return 0
        biases = convolution.out_channels if convolution.bias else 0
        return convolution.weights * convolution.weight_bits + biases * self.bias_bits
