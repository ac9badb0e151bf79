"""Costs that count: bit operations, multiply-accumulates, parameters."""

from qnas.core.components import ConvolutionShape, Cost


class BitOps(Cost):
    """Bit operations: MACs x weight bits x activation bits; a float layer counts 32 x 32."""

    def of_convolution(self, convolution: ConvolutionShape) -> int:
        """See :meth:`qnas.Cost.of_convolution`."""
        return convolution.macs * convolution.weight_bits * convolution.activation_bits


class Macs(Cost):
    """Multiply-accumulates, whatever their width."""

    def of_convolution(self, convolution: ConvolutionShape) -> int:
        """See :meth:`qnas.Cost.of_convolution`."""
        return convolution.macs


class Params(Cost):
    """Weights and biases of all convolutions, each counted once however often it runs."""

    def of_convolution(self, convolution: ConvolutionShape) -> int:
        """See :meth:`qnas.Cost.of_convolution`."""
        own = convolution.weights + convolution.bias * convolution.out_channels
        return 0 if convolution.repeated else own
