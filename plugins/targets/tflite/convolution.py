"""Convolutions in LiteRT: on integers where input, weights and output are integers."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from ai_edge_litert import schema_py_generated as schema
from torch.fx import Node

from qnas.plugins.targets.tflite.file import LARGEST, SMALLEST, Tensor
from qnas.plugins.targets.tflite.translation import (
    DEQUANTIZE,
    QUANTIZE,
    RECTIFIERS,
    Ending,
    Stored,
    Translation,
    can_rescale,
    sides,
    unfit,
)

_SHUFFLE = torch.ops.aten.pixel_shuffle.default
_KEEPS_CHANNELS = {QUANTIZE, DEQUANTIZE, *RECTIFIERS}
_SAME_STEP = 1e-5  # relative


class _Convolution(NamedTuple):
    """What is convolved, and how.

    Attributes:
        node: Its node.
        input: What it gets, on integers or in float.
        weight: (C_out, C_in / groups, H, W).
        bias: (C_out,)
        stride: Of height and width, as all that follows.
        padding: Zeros at either side.
        dilation: Of the kernel.
        groups: Of channels.
    """

    node: Node
    input: Tensor
    weight: Stored | torch.Tensor
    bias: Stored | torch.Tensor | None
    stride: Sequence[int]
    padding: Sequence[int]
    dilation: Sequence[int]
    groups: int

    @property
    def kernel(self) -> torch.Tensor:
        return self.weight.integers if isinstance(self.weight, Stored) else self.weight

    @property
    def is_depthwise(self) -> bool:
        return self.groups > 1 and self.kernel.shape[1] == 1

    @property
    def keeps_size(self) -> bool:
        """Whether its padding is what LiteRT calls SAME."""
        spans = zip(self.kernel.shape[2:], self.padding, self.dilation, strict=True)
        return set(self.stride) == {1} and all(between * (size - 1) == 2 * pad for size, pad, between in spans)


class _Integers(NamedTuple):
    """What a convolution on integers adds up.

    Attributes:
        weight: As in PyTorch, (C_out, C_in / groups, H, W).
        bias: In whole steps of the products.
        weight_steps: For each output channel.
        steps: Those of the products.
    """

    weight: npt.NDArray[np.int8]
    bias: npt.NDArray[np.int32]
    weight_steps: npt.NDArray[np.floating[Any]]
    steps: npt.NDArray[np.floating[Any]]


def write_convolution(
    to: Translation,
    node: Node,
    features: Tensor,
    weight: Stored | torch.Tensor,
    bias: Stored | torch.Tensor | None = None,
    stride: Sequence[int] = (1, 1),
    padding: Sequence[int] = (0, 0),
    dilation: Sequence[int] = (1, 1),
    groups: int = 1,
) -> Tensor:
    """Write ``aten.conv2d``. What a pixel shuffle behind it needs is done with its weights."""
    stride, padding, dilation = map(_both, (stride, padding, dilation))
    convolution = _Convolution(node, features, weight, bias, stride, padding, dilation, groups)
    if isinstance(features, torch.Tensor) or _is_wide(weight):
        raise unfit(node)
    shuffle = _shuffle_behind(node) if groups == 1 else None  # a group makes only its own channels, in their order
    if shuffle is not None:
        to.permuted.add(shuffle)
        order = shuffled(len(convolution.kernel), shuffle.args[1])
        convolution = convolution._replace(weight=_permuted(weight, order), bias=_permuted(bias, order))
    ending, integers = to.ending(node), _integers(convolution)
    if ending is None or integers is None or not can_rescale(integers.steps, ending.grid):
        return _in_float(to, convolution)
    return _on_integers(to, convolution, integers, ending)


def _integers(of: _Convolution) -> _Integers | None:
    """The integers of a convolution, if its factors are some, and what is added are whole multiples of the product."""
    if of.input.grid is None or not isinstance(of.weight, Stored):
        return None
    scales = of.weight.scales.numpy()
    steps, bias = scales * np.float32(of.input.grid.scale), np.zeros(len(scales), np.int64)
    if isinstance(of.bias, Stored) and np.allclose(of.bias.scales, steps, rtol=_SAME_STEP, atol=0):
        bias = of.bias.integers.numpy().astype(np.int64)
    elif of.bias is not None:
        return None
    wider = _room(of.weight.integers.flatten(1).numpy(), bias)
    weight = of.weight.integers.numpy() * wider.reshape(-1, 1, 1, 1)
    return _Integers(weight.astype(np.int8), (bias * wider).astype(np.int32), scales / wider, steps / wider)


def _room(weight: npt.NDArray[Any], bias: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """The power of two that the integers of each channel can be multiplied by.

    Few bits make small sums, and LiteRT's kernels without XNNPACK round those twice: first to an integer before they
    are divided. Where the same values are sums of larger integers, of smaller steps, that is nearly exact.
    """
    for_weight = LARGEST / np.abs(weight).max(1).clip(1)
    for_bias = np.iinfo(np.int32).max / np.abs(bias).clip(1)
    bits = np.floor(np.log2(np.minimum(for_weight, for_bias)).clip(0))
    room: npt.NDArray[np.int64] = np.exp2(bits).astype(np.int64)
    return room


def _both(sides: Sequence[int]) -> Sequence[int]:
    """What holds for height and width, of which PyTorch also allows one."""
    return [*sides] * 2 if len(sides) == 1 else sides


def _is_wide(weight: Any) -> bool:
    """Whether weights are integers that int8 can't hold."""
    return isinstance(weight, Stored) and bool(weight.integers.min() < SMALLEST or weight.integers.max() > LARGEST)


def _shuffle_behind(node: Node) -> Node | None:
    """The pixel shuffle that a convolution's channels go to, if nothing else needs them."""
    while len(node.users) == 1:
        (node,) = node.users
        if node.target == _SHUFFLE:
            return node
        if node.target not in _KEEPS_CHANNELS:
            return None
    return None


def shuffled(channels: int, factor: Any) -> npt.NDArray[np.int64]:
    """Which of the channels of PyTorch's pixel shuffle comes where in LiteRT's: the same of all pixels side by side."""
    order: npt.NDArray[np.int64] = np.arange(channels).reshape(-1, factor * factor).T.flatten()
    return order


def _permuted(stored: Any, order: npt.NDArray[np.int64]) -> Any:
    if isinstance(stored, Stored):
        return Stored(*(part[order] for part in stored))
    return stored if stored is None else stored[order]


def _on_integers(to: Translation, of: _Convolution, integers: _Integers, ending: Ending) -> Tensor:
    to.end(ending)
    kernel, axis = _arranged(integers.weight, of.is_depthwise)
    weight = to.file.constant(kernel, integers.weight_steps, axis)
    bias = to.file.constant(integers.bias, integers.steps)
    return to.ended(_written(to, of, weight, bias, ending), ending)


def _in_float(to: Translation, of: _Convolution) -> Tensor:
    """A convolution in float; its weights are integers in the file if they are some."""
    kernel, axis = _arranged(of.kernel.detach().numpy(), of.is_depthwise)
    if isinstance(of.weight, Stored):
        stored = to.file.constant(kernel.astype(np.int8), of.weight.scales.numpy(), axis)
        weight = to.emit("DEQUANTIZE", [stored], stored.shape)
    else:
        weight = to.file.constant(kernel.astype(np.float32))
    known = of.bias.values if isinstance(of.bias, Stored) else of.bias
    bias = to.file.constant(np.zeros(len(of.kernel), np.float32) if known is None else known.detach().numpy())
    return _written(to, of._replace(input=to.floats(of.input)), weight, bias, None)


def _arranged(kernel: npt.NDArray[Any], is_depthwise: bool) -> tuple[npt.NDArray[Any], int]:
    """A kernel in LiteRT's order, and the axis of its output channels."""
    if is_depthwise:
        return np.ascontiguousarray(kernel.transpose(1, 2, 3, 0)), 3
    return np.ascontiguousarray(kernel.transpose(0, 2, 3, 1)), 0


def _written(to: Translation, of: _Convolution, weight: Tensor, bias: Tensor, ending: Ending | None) -> Tensor:
    options = {
        "padding": schema.Padding.SAME if of.keeps_size else schema.Padding.VALID,
        "strideH": of.stride[0],
        "strideW": of.stride[1],
        "dilationHFactor": of.dilation[0],
        "dilationWFactor": of.dilation[1],
        "fusedActivationFunction": ending.activation if ending else schema.ActivationFunctionType.NONE,
    }
    features = of.input if of.keeps_size else padded(to, of.input, *of.padding)
    grid = ending.unclipped if ending else None
    inputs, shape = [features, weight, bias], sides(of.node)
    if of.is_depthwise:
        multiplier = len(of.kernel) // of.groups
        with_multiplier = schema.DepthwiseConv2DOptionsT(depthMultiplier=multiplier, **options)
        return to.emit("DEPTHWISE_CONV_2D", inputs, shape, grid, with_multiplier)
    return to.emit("CONV_2D", inputs, shape, grid, schema.Conv2DOptionsT(**options))


def padded(to: Translation, features: Tensor, rows: int, columns: int) -> Tensor:
    """Zeros at each side of images; on integers those that stand for zero."""
    if not rows and not columns:
        return features
    amount, height, width, channels = features.shape
    shape = (amount, height + 2 * rows, width + 2 * columns, channels)
    sizes = to.numbers(np.array([[0, 0], [rows, rows], [columns, columns], [0, 0]]))
    return to.emit("PAD", [features, sizes], shape, features.grid, schema.PadOptionsT())
