"""The quantized convolution and the quantized activation: the layers of a found network."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from qnas.core.components import (
    Activation,
    ConvShape,
    FakeQuantizer,
    Layers,
    PaddingMode,
    Quantizer,
    Unquantized,
    keeps_size,
    make_activation,
)
from qnas.core.settings import FLOAT_BITS, Widths


class SlotConv2d(nn.Conv2d):
    """A convolution in a slot. Its bias starts at zero."""

    def __init__(self, shape: ConvShape, padding_mode: PaddingMode = "zeros") -> None:
        super().__init__(
            shape.in_channels,
            shape.out_channels,
            shape.kernel_size,
            shape.stride,
            shape.padding,
            shape.dilation,
            shape.groups,
            shape.bias,
            padding_mode,
        )
        self.shape = shape

    def reset_parameters(self) -> None:
        """Start as PyTorch does, but with zero bias: an SR network first has to unlearn random biases."""
        super().reset_parameters()
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    @property
    def keeps_size(self) -> bool:
        """Whether height and width stay the same at stride 1."""
        return keeps_size(self.shape.kernel_size, self.shape.padding, self.shape.dilation)

    def convolve(self, features: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The convolution with ``weight`` and ``bias`` in place of its own."""
        result: Tensor = self._conv_forward(features, weight, bias)
        return result

    @torch.no_grad()
    def take(self, weights: Mapping[str, Tensor]) -> None:
        """Start from these weights."""
        for name, value in weights.items():
            self.get_parameter(name).copy_(value)


def outlet(operation: nn.Module) -> SlotConv2d | None:
    """The convolution that gives an operation's output, if nothing comes after or beside it.

    That is known only for a plain chain: a subclass may do more with the output of its parts.
    """
    parts = list(operation) if type(operation) is nn.Sequential else [operation]
    last = parts[-1] if parts else None
    is_used_once = sum(module is last for part in parts for module in part.modules()) == 1
    return last if isinstance(last, SlotConv2d) and is_used_once else None


class QuantizedConv2d(SlotConv2d):
    """A convolution whose weights are fake-quantized; its input was quantized by the layer before.

    Attributes:
        widths: Bits of its weights and of its input, 32 for float.
    """

    def __init__(
        self, quantizer: Quantizer, widths: Widths, shape: ConvShape, padding_mode: PaddingMode = "zeros"
    ) -> None:
        super().__init__(shape, padding_mode)
        self.widths = Widths(FLOAT_BITS, FLOAT_BITS) if quantizer.is_float else widths
        self.weight_quantizer = quantizer.at(widths.weight, signed=True, channels=shape.out_channels)
        self._entrance: tuple[FakeQuantizer, ...] = ()  # in a tuple, as it is no part of this layer
        self._set_up()

    def forward(self, features: Tensor) -> Tensor:
        """(N, C_in, H, W) to (N, C_out, H / stride, W / stride)."""
        return self.convolve(features, _quantized(self.weight, self.weight_quantizer), self._rounded_bias())

    def round_bias_for(self, entrance: FakeQuantizer) -> None:
        """Round the bias to whole steps of the products that it is added to, if both factors are integers.

        Args:
            entrance: The quantizer that its input comes from.
        """
        if not isinstance(entrance, Unquantized) and not isinstance(self.weight_quantizer, Unquantized):
            self._entrance = (entrance,)

    @property
    def bias_step(self) -> Tensor | None:
        """The step of its bias for each output channel, None where it is in float."""
        if self.bias is None or not self._entrance:
            return None
        step = self._entrance[0].grid().step * self.weight_quantizer.grid().step
        return step.detach().flatten().expand(self.out_channels)

    def _rounded_bias(self) -> Tensor | None:
        step = None if self.weight.is_meta else self.bias_step
        if self.bias is None or step is None:
            return self.bias
        # The gradient passes straight through.
        return self.bias + ((self.bias / step).round() * step - self.bias).detach()

    def take(self, weights: Mapping[str, Tensor]) -> None:
        """Start from these weights, which the quantizer is set up for."""
        super().take(weights)
        self._set_up()

    def _set_up(self) -> None:
        if not self.weight.is_meta:  # otherwise there are no values to observe
            self.weight_quantizer.observe(self.weight.detach())


class QuantizedActivation(nn.Module):
    """An activation whose output is fake-quantized."""

    def __init__(self, activation: Activation, quantizer: Quantizer, bits: int, signed: bool) -> None:
        super().__init__()
        self.activation = make_activation(activation)
        self.quantizer = quantizer.at(bits, signed=signed)

    def forward(self, features: Tensor) -> Tensor:
        """Same shape in and out."""
        return _quantized(self.activation(features), self.quantizer)


def _quantized(tensor: Tensor, quantizer: FakeQuantizer) -> Tensor:
    """``tensor`` quantized; unchanged on the meta device, where networks are only counted and tried."""
    result: Tensor = tensor if tensor.is_meta else quantizer(tensor)
    return result


class QuantizedLayers(Layers):
    """Makes the layers of an operation at one width."""

    def __init__(
        self, quantizer: Quantizer, widths: Widths, padding_mode: PaddingMode = "zeros", *, bias: bool = True
    ) -> None:
        self.quantizer = quantizer
        self.widths = widths
        self.padding_mode = padding_mode
        self.bias = bias

    def make_conv(self, shape: ConvShape) -> nn.Module:
        """A quantized convolution."""
        return QuantizedConv2d(self.quantizer, self.widths, shape, self.padding_mode)

    def input_activation(self, activation: Activation, signed: bool) -> nn.Module:
        """A quantized activation."""
        return QuantizedActivation(activation, self.quantizer, self.widths.activation, signed)
