"""Costs that count: bit operations, multiply-accumulates, parameters, bytes."""

from qnas.core.components import ConvolutionShape, Cost, Part

_FLOAT_BYTES = 4


class BitOps(Cost):
    """Bit operations: MACs x weight bits x activation bits; a float layer counts 32 x 32."""

    always = True
    order = 0
    title = unit = "BitOps"

    def of_convolution(self, convolution: ConvolutionShape) -> int:
        """See :meth:`qnas.Cost.of_convolution`."""
        return convolution.macs * convolution.weight_bits * convolution.activation_bits


class Macs(Cost):
    """Multiply-accumulates, whatever their width."""

    always = True
    order = 1
    title = unit = "MACs"
    by_width = False

    def of_convolution(self, convolution: ConvolutionShape) -> int:
        """See :meth:`qnas.Cost.of_convolution`."""
        return convolution.macs


class Params(Cost):
    """Weights and biases of all convolutions, each counted once however often it runs."""

    always = True
    order = 2
    title = "parameters"
    per_image = False
    by_width = False

    def of_convolution(self, convolution: ConvolutionShape) -> int:
        """See :meth:`qnas.Cost.of_convolution`."""
        own = convolution.weights + convolution.bias * convolution.out_channels
        return 0 if convolution.repeated else own


class Size(Cost):
    """Bytes of what the network keeps: weights at their widths, all else in float32.

    All else is biases, the steps and zero points of quantizers, and what other layers keep, such as norms. Each
    convolution's weights fill whole bytes. 1 kB is 1000 bytes.
    """

    always = True
    order = 3
    unit = "B"
    per_image = False

    def of_convolution(self, convolution: ConvolutionShape) -> int:
        """See :meth:`qnas.Cost.of_convolution`."""
        packed = -(-convolution.weights * convolution.weight_bits // 8)
        return 0 if convolution.repeated else packed + _FLOAT_BYTES * convolution.bias * convolution.out_channels

    def of_candidate(self, part: Part) -> int:
        """See :meth:`qnas.Cost.of_candidate`."""
        return super().of_candidate(part) + _FLOAT_BYTES * (part.steps + part.others)

    def of_rest(self, part: Part) -> int:
        """See :meth:`qnas.Cost.of_rest`."""
        return self.of_candidate(part)
