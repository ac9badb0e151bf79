"""The quantized convolution and the quantized activation: the layers of a found network."""

from collections.abc import Mapping
from typing import Any

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
from qnas.core.network.branches import BranchSum
from qnas.core.settings import FLOAT_BITS, Widths


class SlotConv2d(nn.Conv2d):
    """A convolution in a slot. Its bias starts at zero.

    Attributes:
        shape: What it was made from.
        is_given: Whether its weights are to be kept: it was given them, or was trained with branches.
        branches: What is added to its weights and its bias, while it is trained with branches.
    """

    branches: BranchSum | None

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
        self.is_given = False
        self.branches = None

    def reset_parameters(self) -> None:
        """Start as PyTorch does, but with zero bias: an SR network first has to unlearn random biases."""
        super().reset_parameters()
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    @property
    def keeps_size(self) -> bool:
        """Whether height and width stay the same at stride 1."""
        return keeps_size(self.shape.kernel_size, self.shape.padding, self.shape.dilation)

    def kernel(self) -> Tensor:
        """The kernel that it convolves with: (C_out, C_in / groups, k_h, k_w)."""
        return self.weight if self.branches is None else self.weight + self.branches.kernel()

    def offset(self) -> Tensor | None:
        """The bias that it adds, (C_out,)."""
        added = None if self.branches is None else self.branches.bias()
        return self.bias if added is None or self.bias is None else self.bias + added

    def convolve(self, features: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The convolution with ``weight`` and ``bias`` in place of its own."""
        result: Tensor = self._conv_forward(features, weight, bias)
        return result

    @torch.no_grad()
    def take(self, weights: Mapping[str, Tensor]) -> None:
        """Start from these weights."""
        for name, value in weights.items():
            self.get_parameter(name).copy_(value)
        self.is_given = True
        self._take_up(self.branches)

    @torch.no_grad()
    def grow(self) -> None:
        """Get the branches that its shape asks for, if it has not got them yet; see :func:`.grow_branches`."""
        if self.shape.branches and self.branches is None:
            self.branches = BranchSum(self.shape).to(self.weight)
            if self.is_given:
                self._take_up(self.branches)

    @torch.no_grad()
    def fuse(self) -> None:
        """Become plain: its weights and its bias take over what its branches add."""
        if self.branches is None:
            return
        kernel, offset = self.kernel(), self.offset()
        self.branches, self.is_given = None, True
        self.weight.copy_(kernel)
        if self.bias is not None and offset is not None:
            self.bias.copy_(offset)

    def _take_up(self, branches: BranchSum | None) -> None:
        """Change its weights and its bias so that, with the branches, they are what they have been without."""
        if branches is not None:
            self.weight.sub_(branches.kernel())
            added = branches.bias()
            if self.bias is not None and added is not None:
                self.bias.sub_(added)

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *others: Any) -> None:
        super()._load_from_state_dict(state_dict, prefix, *others)
        self.is_given = self.is_given or f"{prefix}weight" in state_dict


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
        weight = _quantized(self.kernel(), self.weight_quantizer)
        return self.convolve(features, weight, self._rounded(self.offset()))

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

    def _rounded(self, bias: Tensor | None) -> Tensor | None:
        step = None if bias is None or bias.is_meta else self.bias_step
        if bias is None or step is None:
            return bias
        # The gradient passes straight through.
        return bias + ((bias / step).round() * step - bias).detach()

    def take(self, weights: Mapping[str, Tensor]) -> None:
        """Start from these weights, which the quantizer is set up for."""
        super().take(weights)
        self._set_up()

    def grow(self) -> None:
        """See :meth:`SlotConv2d.grow`; the quantizer is set up for the kernel that a fresh one starts with."""
        super().grow()
        if self.branches is not None and not self.is_given:
            self._set_up()

    def _set_up(self) -> None:
        if not self.weight.is_meta:  # otherwise there are no values to observe
            self.weight_quantizer.observe(self.kernel().detach())


class QuantizedActivation(nn.Module):
    """An activation whose output is fake-quantized."""

    def __init__(
        self, activation: Activation, quantizer: Quantizer, bits: int, signed: bool, channels: int = 1
    ) -> None:
        super().__init__()
        self.activation = make_activation(activation, channels)
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

    def input_activation(self, activation: Activation, signed: bool, channels: int = 1) -> nn.Module:
        """A quantized activation."""
        return QuantizedActivation(activation, self.quantizer, self.widths.activation, signed, channels)
