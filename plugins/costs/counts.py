"""Costs that count: bit operations, multiply-accumulates, parameters."""

from typing import ClassVar

from qnas.core.components import ConvolutionShape, Cost


class BitOps(Cost):
    """Bit operations: MACs x weight bits x activation bits; a float layer counts 32 x 32."""

    unit: ClassVar[str] = "BitOps"

    def of_convolution(self, convolution: ConvolutionShape) -> int:
        """See :meth:`qnas.Cost.of_convolution`."""
        return convolution.macs * convolution.weight_bits * convolution.activation_bits


class Macs(Cost):
    """Multiply-accumulates, whatever their width."""

    unit: ClassVar[str] = "MACs"

    def of_convolution(self, convolution: ConvolutionShape) -> int:
        """See :meth:`qnas.Cost.of_convolution`."""
        return convolution.macs


class Params(Cost):
    """Weights and biases of all convolutions."""

    unit: ClassVar[str] = "parameters"

    def of_convolution(self, convolution: ConvolutionShape) -> int:
        """See :meth:`qnas.Cost.of_convolution`."""
        return convolution.weights + convolution.bias * convolution.out_channels
