"""The interface of costs: what one convolution costs. A network's cost is the sum over its convolutions."""

from abc import abstractmethod
from dataclasses import dataclass

from qnas.core.components.component import Component


@dataclass(frozen=True)
class ConvolutionShape:
    """One convolution as it runs on an image of a stated size.

    Attributes:
        path: Its module path in the network.
        in_channels: Channels in.
        out_channels: Channels out.
        kernel_size: Height and width.
        groups: Groups.
        output_size: Height and width of its output in pixels; of its input for a transposed convolution.
        bias: Whether it adds a bias.
        weight_bits: Bits of a weight, 32 for float.
        activation_bits: Bits of an input value, 32 for float.
        repeated: Whether it ran before, on the same weights.
        images: On how many images it runs for each one that the network is given.
    """

    path: str
    in_channels: int
    out_channels: int
    kernel_size: tuple[int, int]
    groups: int
    output_size: tuple[int, int]
    bias: bool
    weight_bits: int
    activation_bits: int
    repeated: bool = False
    images: int = 1

    @property
    def weights(self) -> int:
        """Number of weights, the bias left out."""
        return self.kernel_size[0] * self.kernel_size[1] * self.in_channels * self.out_channels // self.groups

    @property
    def macs(self) -> int:
        """Multiply-accumulates: ``k_h k_w C_in C_out / groups * H_out W_out``, for each of its images."""
        return self.weights * self.output_size[0] * self.output_size[1] * self.images


class Cost(Component):
    """Counts one convolution. The penalty of the search, the found network and the report all use this count."""

    kind = "cost"

    @abstractmethod
    def of_convolution(self, convolution: ConvolutionShape) -> int:
        """What one convolution costs, a whole number (so that sums are exact)."""
