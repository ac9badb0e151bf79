"""The quantized convolution and the quantized activation: the layers of a found network."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from qnas.core.components import FLOAT_BITS, Activation, Quantizer, Size, Widths


def same_padding(kernel_size: tuple[int, int], dilation: int) -> tuple[int, int]:
    """The zero padding that keeps height and width at stride 1, for odd kernels."""
    return dilation * (kernel_size[0] // 2), dilation * (kernel_size[1] // 2)


class SameConv2d(nn.Conv2d):
    """A zero-padded convolution that keeps the size; odd kernels only. Its bias starts at zero."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Size, stride: int, groups: int, dilation: int
    ) -> None:
        size = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
        if not (size[0] % 2 and size[1] % 2):
            raise ValueError(f"a 'same' convolution needs odd kernel sizes (got {size})")
        padding = same_padding(size, dilation)
        super().__init__(in_channels, out_channels, size, stride, padding, dilation=dilation, groups=groups)

    def reset_parameters(self) -> None:
        """Start as PyTorch does, but with no bias: random biases are most of what an SR network first unlearns."""
        super().reset_parameters()
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def convolve(self, features: Tensor, weight: Tensor) -> Tensor:
        """The convolution with ``weight`` in place of its own."""
        return F.conv2d(features, weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class QuantizedConv2d(SameConv2d):
    """A convolution whose weights are fake-quantized; its input was quantized by the layer before.

    Attributes:
        widths: Bits of its weights and of the values that it reads, 32 for float.
    """

    def __init__(
        self,
        quantizer: Quantizer,
        widths: Widths,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: int = 1,
        groups: int = 1,
        dilation: int = 1,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, groups, dilation)
        self.widths = Widths(FLOAT_BITS, FLOAT_BITS) if quantizer.is_float else widths
        self.weight_quantizer = quantizer.at(widths.weight, signed=True, channels=out_channels)
        self.weight_quantizer.observe(self.weight.detach())

    def forward(self, features: Tensor) -> Tensor:
        """(N, C_in, H, W) to (N, C_out, H / stride, W / stride)."""
        return self.convolve(features, self.weight_quantizer(self.weight))


class QuantizedActivation(nn.Module):
    """An activation whose output is fake-quantized."""

    def __init__(self, activation: Activation, quantizer: Quantizer, bits: int, signed: bool) -> None:
        super().__init__()
        self.activation = activation
        self.quantizer = quantizer.at(bits, signed=signed)

    def forward(self, features: Tensor) -> Tensor:
        """Same shape in and out."""
        result: Tensor = self.quantizer(activate(features, self.activation))
        return result


def activate(features: Tensor, activation: Activation) -> Tensor:
    """Apply an activation by name."""
    return torch.relu(features) if activation == "relu" else features


class QuantizedLayers:
    """Makes the layers of an operation at one width (see :class:`qnas.core.components.Layers`)."""

    def __init__(self, quantizer: Quantizer, widths: Widths) -> None:
        self.quantizer = quantizer
        self.widths = widths

    def conv(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        *,
        stride: int = 1,
        groups: int = 1,
        dilation: int = 1,
    ) -> nn.Module:
        """A quantized convolution."""
        shape = (in_channels, out_channels, kernel_size, stride, groups, dilation)
        return QuantizedConv2d(self.quantizer, self.widths, *shape)

    def activation(self, activation: Activation) -> nn.Module:
        """A quantized activation, signed exactly where there is none."""
        return self.input_activation(activation, signed=activation == "none")

    def input_activation(self, activation: Activation, signed: bool) -> nn.Module:
        """The quantized activation at a slot's entrance, whose sign the slot knows."""
        return QuantizedActivation(activation, self.quantizer, self.widths.activation, signed)
