"""The layers of a found network with the integers that a runtime computes with."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

# Registers the operators of PyTorch's own quantized form.
from torch.ao.quantization.fx import _decomposed  # noqa: F401

from qnas.core.components import FakeQuantizer, Grid
from qnas.core.errors import InputError
from qnas.core.network.convolution import QuantizedActivation, QuantizedConv2d

FORM = torch.ops.quantized_decomposed
_CONTAINERS = (torch.uint8, torch.int8, torch.uint16, torch.int16)
_BIAS_GRID = (torch.iinfo(torch.int32).min, torch.iinfo(torch.int32).max, torch.int32)
_TOLERANCE = 1e-3  # steps; how far from a whole number of them an offset may be


class IntegerGrid(NamedTuple):
    """The values ``scale * (q - zero_point)`` of the integers ``smallest <= q <= largest``.

    Attributes:
        scale: One element, or one for each channel.
        zero_point: The integer that stands for zero.
        smallest: The integer at the lower end.
        largest: The integer at the upper end.
        container: The smallest integer type that holds them.
    """

    scale: Tensor
    zero_point: int
    smallest: int
    largest: int
    container: torch.dtype

    @classmethod
    def of(cls, quantizer: FakeQuantizer) -> "IntegerGrid":
        """The grid of a fake quantizer.

        Raises:
            InputError: It has none that integer kernels know; the message says why.
        """
        try:
            grid = quantizer.grid()
        except (ValueError, NotImplementedError) as error:
            raise InputError(f"it has no integer grid ({error})") from None
        return cls(
            grid.step.detach().flatten(), _zero_point(grid), grid.q_min, grid.q_max, _container(grid.q_min, grid.q_max)
        )


def _zero_point(grid: Grid) -> int:
    steps = (-torch.as_tensor(grid.offset) / grid.step).detach().flatten()
    whole = steps.round()
    if (steps - whole).abs().max() > _TOLERANCE or whole.unique().numel() > 1:
        raise InputError("no level of its grid is zero: its offset is not a whole number of steps")
    return int(whole[0])


def _container(smallest: int, largest: int) -> torch.dtype:
    for container in _CONTAINERS:
        limits = torch.iinfo(container)
        if limits.min <= smallest and largest <= limits.max:
            return container
    raise InputError(f"no type of at most 16 bits holds the integers {smallest} to {largest}")


class IntegerActivation(nn.Module):
    """An activation whose output becomes integers, and values again."""

    def __init__(self, layer: QuantizedActivation) -> None:
        super().__init__()
        self.activation = layer.activation
        grid = IntegerGrid.of(layer.quantizer)
        if grid.scale.numel() > 1:
            raise InputError("its grid has several steps, but an activation can have only one")
        self.grid = (float(grid.scale), *grid[1:])

    def forward(self, features: Tensor) -> Tensor:
        """Same shape in and out."""
        integers = FORM.quantize_per_tensor(self.activation(features), *self.grid)
        result: Tensor = FORM.dequantize_per_tensor(integers, *self.grid)
        return result


class IntegerConv2d(nn.Module):
    """A convolution whose weights are integers, with a step for each output channel.

    Its bias is integers too where the layer rounds it, and else stays in float.
    """

    weight: Tensor
    bias_scales: Tensor
    scales: Tensor
    zero_points: Tensor

    def __init__(self, layer: QuantizedConv2d) -> None:
        super().__init__()
        grid = IntegerGrid.of(layer.weight_quantizer)
        scales = grid.scale.expand(layer.out_channels).contiguous()
        steps = layer.weight_quantizer.normalise(layer.weight.detach()) / scales.view(-1, 1, 1, 1)
        integers = (steps.round() + grid.zero_point).clamp(grid.smallest, grid.largest)
        self.grid = (grid.smallest, grid.largest, grid.container)
        self.register_buffer("weight", integers.to(grid.container))
        self.register_buffer("scales", scales)
        self.register_buffer("zero_points", torch.full((layer.out_channels,), grid.zero_point))
        self.bias = layer.bias
        self.convolve = layer.convolve
        step = layer.bias_step
        self.has_integer_bias = step is not None
        if layer.bias is not None and step is not None:
            self.bias = nn.Parameter((layer.bias / step).round().to(torch.int32), requires_grad=False)
            self.register_buffer("bias_scales", step.contiguous())

    def forward(self, features: Tensor) -> Tensor:
        """(N, C_in, H, W) to (N, C_out, H / stride, W / stride)."""
        weight = FORM.dequantize_per_channel(self.weight, self.scales, self.zero_points, 0, *self.grid)
        return self.convolve(features, weight, self._float_bias())

    def _float_bias(self) -> Tensor | None:
        if not self.has_integer_bias:
            return self.bias
        result: Tensor = FORM.dequantize_per_channel(self.bias, self.bias_scales, self.zero_points, 0, *_BIAS_GRID)
        return result
