"""The operators between convolutions in LiteRT.

What moves values, or picks some of them, keeps integers. Sums, concatenations and rectifiers give the integers of the
quantizer that follows. All others compute in float.
"""

import math
import operator
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ai_edge_litert import schema_py_generated as schema
from torch.export import ExportedProgram
from torch.fx import Node

from qnas.plugins.targets.tflite.convolution import shuffled, write_convolution
from qnas.plugins.targets.tflite.file import Tensor
from qnas.plugins.targets.tflite.translation import (
    DEQUANTIZE,
    QUANTIZE,
    RECTIFIERS,
    Ending,
    Translation,
    Writer,
    can_rescale,
    grid_of,
    sides,
    sides_of,
    unfit,
)

_ATEN = torch.ops.aten
_AXES = {0: 0, 1: 3, 2: 1, 3: 2}
"""Where the axes of (N, C, H, W) are in (N, H, W, C)."""


def write_tflite(program: ExportedProgram, path: Path) -> None:
    """Write a lowered network for images of one size.

    Raises:
        InputError: LiteRT has no operator for something in it; the message names it.
    """
    Translation(program, _WRITERS | _in_place(_WRITERS)).write(path)


def _in_place(writers: Mapping[Any, Writer]) -> dict[Any, Writer]:
    """The same for the operators that put what they compute in the place of what they are given."""
    twins = {}
    for called, writer in writers.items():
        name, _, overload = str(called).removeprefix("aten.").partition(".")
        twin = getattr(getattr(_ATEN, f"{name}_", None), overload, None) if hasattr(called, "_schema") else None
        if twin is not None:
            twins[twin] = writer
    return twins


def _axis(dim: int) -> int:
    return _AXES[dim % len(_AXES)]


def _same(_: Translation, __: Node, value: Any, *___: Any, **____: Any) -> Any:
    return value


def _cast(_: Translation, node: Node, value: Tensor, *__: Any, **___: Any) -> Tensor:
    if node.meta["val"].dtype != torch.float32:
        raise unfit(node)
    return value


def _quantize(to: Translation, node: Node, value: Tensor, *_: Any) -> Tensor:
    return to.onto(value, Ending(grid_of(node), (node,)))


def _relu(to: Translation, node: Node, value: Tensor) -> Tensor:
    ending = to.ending(node)
    if ending is not None:
        to.end(ending)
        return to.ended(to.onto(value, ending), ending)
    if value.grid is None:
        return to.emit("RELU", [value], value.shape)
    return to.clipped(value, max(value.grid.smallest, value.grid.zero_point))


def _leaky_relu(to: Translation, node: Node, value: Tensor, slope: float = 0.01) -> Tensor:
    on_integers = _rectified(to, node, value, np.full(value.shape[-1], slope))
    if on_integers is not None:
        return on_integers
    return to.emit("LEAKY_RELU", [to.floats(value)], value.shape, options=schema.LeakyReluOptionsT(alpha=slope))


def _prelu(to: Translation, node: Node, value: Tensor, slopes: torch.Tensor) -> Tensor:
    by_channel = slopes.detach().expand(value.shape[-1]).numpy()
    on_integers = _rectified(to, node, value, by_channel)
    if on_integers is not None:
        return on_integers
    known = to.file.constant(np.ascontiguousarray(by_channel).reshape(1, 1, -1))
    return to.emit("PRELU", [to.floats(value), known], value.shape)


def _rectified(to: Translation, node: Node, value: Tensor, slopes: Any) -> Tensor | None:
    """A rectifier with slopes below zero on integers: the larger of the value and the value times its slope."""
    ending = to.ending(node)
    if ending is None or value.grid is None or slopes.max() > 1:
        return None
    factors = np.append(np.abs(slopes[slopes != 0]), 1)
    if not can_rescale(factors * value.grid.scale, ending.grid):
        return None
    to.end(ending)
    as_it_is = value if value.grid[:2] == ending.grid[:2] else to.rescaled(value, ending)
    both = [as_it_is, to.rescaled(value, ending, slopes)]
    return to.ended(to.emit("MAXIMUM", both, value.shape, ending.unclipped), ending)


def _add(to: Translation, node: Node, one: Any, other: Any, alpha: float = 1) -> Tensor:
    ending = to.ending(node)
    are_integers = all(isinstance(value, Tensor) and value.grid for value in (one, other))
    if ending is None or not are_integers or alpha != 1 or one.shape != other.shape:
        return _sum(to, node, "ADD", one, other, alpha)
    to.end(ending)
    options = schema.AddOptionsT(fusedActivationFunction=ending.activation)
    return to.ended(to.emit("ADD", [one, other], sides(node), ending.unclipped, options), ending)


def _subtract(to: Translation, node: Node, one: Any, other: Any, alpha: float = 1) -> Tensor:
    return _sum(to, node, "SUB", one, other, alpha)


def _sum(to: Translation, node: Node, kind: str, one: Any, other: Any, alpha: float) -> Tensor:
    if alpha != 1:
        raise unfit(node)
    return to.emit(kind, [to.floats(one), to.floats(other)], sides(node), options=_options(kind))


def _options(kind: str) -> Any:
    return getattr(schema, f"{kind.capitalize()}OptionsT")()


def _of_two(kind: str) -> Writer:
    def write(to: Translation, node: Node, one: Any, other: Any) -> Tensor:
        return to.emit(kind, [to.floats(one), to.floats(other)], sides(node), options=_options(kind))

    return write


def _add_product(to: Translation, node: Node, total: Any, one: Any, other: Any, *, value: float = 1) -> Tensor:
    if value != 1:
        raise unfit(node)
    shape = sides(node)
    product = to.emit("MUL", [to.floats(one), to.floats(other)], shape, options=_options("MUL"))
    return to.emit("ADD", [to.floats(total), product], shape, options=_options("ADD"))


def _of_one(kind: str) -> Writer:
    def write(to: Translation, node: Node, value: Tensor) -> Tensor:
        return to.emit(kind, [to.floats(value)], sides(node))

    return write


def _silu(to: Translation, _: Node, value: Tensor) -> Tensor:
    floats = to.floats(value)
    gate = to.emit("LOGISTIC", [floats], floats.shape)
    return to.emit("MUL", [floats, gate], floats.shape, options=_options("MUL"))


def _batch_norm(
    to: Translation, node: Node, value: Tensor, weight: Any, bias: Any, mean: Any, variance: Any, *rest: Any
) -> Tensor:
    is_training, _, eps, *_ = rest
    if is_training:
        raise unfit(node)
    factor = (variance + eps).rsqrt() * (1 if weight is None else weight)
    offset = (0 if bias is None else bias) - mean * factor
    known = [to.floats(each.view(-1, 1, 1)) for each in (factor, offset)]
    product = to.emit("MUL", [to.floats(value), known[0]], value.shape, options=_options("MUL"))
    return to.emit("ADD", [product, known[1]], value.shape, options=_options("ADD"))


def _concatenate(to: Translation, node: Node, values: Sequence[Any], dim: int = 0) -> Tensor:
    options, shape = schema.ConcatenationOptionsT(axis=_axis(dim)), sides(node)
    ending = to.ending(node)
    if ending is not None and all(isinstance(value, Tensor) for value in values):
        to.end(ending)
        parts = [to.onto(value, ending) for value in values]
        return to.ended(to.emit("CONCATENATION", parts, shape, ending.grid, options), ending)
    grids = [value.grid for value in values if isinstance(value, Tensor) and value.grid is not None]
    if len(grids) == len(values) and len({grid[:2] for grid in grids}) == 1:
        grid = grids[0]._replace(smallest=min(grid.smallest for grid in grids))
        return to.emit("CONCATENATION", values, shape, grid, options)
    return to.emit("CONCATENATION", [to.floats(value) for value in values], shape, options=options)


def _repeat(to: Translation, node: Node, value: Tensor, repeats: Sequence[int]) -> Tensor:
    amounts = to.numbers(np.array(sides_of(repeats, node)))
    return to.emit("TILE", [value, amounts], sides(node), value.grid, schema.TileOptionsT())


def _split(to: Translation, node: Node, value: Tensor, _: Any, dim: int = 0) -> list[Tensor]:
    parts, start = [], 0
    for part in node.meta["val"]:
        shape = sides_of(part.shape, node)
        parts.append(_cut(to, value, _axis(dim), start, shape))
        start += part.shape[dim]
    return parts


def _slice(
    to: Translation, node: Node, value: Tensor, dim: int = 0, start: int | None = None, _: Any = None, step: int = 1
) -> Tensor:
    if step != 1:
        raise unfit(node)
    axis = _axis(dim)
    first = start or 0
    return _cut(to, value, axis, first if first >= 0 else value.shape[axis] + first, sides(node))


def _cut(to: Translation, value: Tensor, axis: int, start: int, shape: Sequence[int]) -> Tensor:
    starts = [start if at == axis else 0 for at in range(len(shape))]
    inputs = [value, to.numbers(starts), to.numbers(shape)]
    return to.emit("SLICE", inputs, shape, value.grid, schema.SliceOptionsT())


def _item(_: Translation, __: Node, values: Sequence[Tensor], index: int) -> Tensor:
    return values[index]


def _pixel_shuffle(to: Translation, node: Node, value: Tensor, factor: int) -> Tensor:
    channels = value.shape[-1]
    if node not in to.permuted and channels > factor * factor:
        value = _gathered(to, value, 3, shuffled(channels, factor))
    return to.emit("DEPTH_TO_SPACE", [value], sides(node), value.grid, schema.DepthToSpaceOptionsT(blockSize=factor))


def _gathered(to: Translation, value: Tensor, axis: int, places: Any) -> Tensor:
    shape = [len(places) if at == axis else side for at, side in enumerate(value.shape)]
    options = schema.GatherOptionsT(axis=axis)
    return to.emit("GATHER", [value, to.numbers(places)], shape, value.grid, options)


def _pad(
    to: Translation, node: Node, value: Tensor, pads: Sequence[int], mode: str = "constant", fill: float | None = None
) -> Tensor:
    sizes = [(0, 0), (0, 0), (0, 0), (0, 0)]
    for dim, pair in zip((3, 2, 1, 0), zip(pads[::2], pads[1::2], strict=True), strict=False):
        sizes[_axis(dim)] = pair
    if min(pads) < 0 or (mode, fill or 0) not in {("constant", 0), ("replicate", 0), ("reflect", 0)}:
        raise unfit(node)
    if mode == "replicate":
        for axis, pair in enumerate(sizes):
            value = _continued(to, value, axis, *pair)
        return value
    numbers = to.numbers(np.array(sizes))
    if mode == "reflect":
        options = schema.MirrorPadOptionsT(mode=schema.MirrorPadMode.REFLECT)
        return to.emit("MIRROR_PAD", [value, numbers], sides(node), value.grid, options)
    return to.emit("PAD", [value, numbers], sides(node), value.grid, schema.PadOptionsT())


def _continued(to: Translation, value: Tensor, axis: int, before: int, after: int) -> Tensor:
    """Images continued by their first and last pixels along an axis."""
    if not before and not after:
        return value
    last = value.shape[axis] - 1
    return _gathered(to, value, axis, np.arange(-before, last + after + 1).clip(0, last))


def _max_pool(
    to: Translation,
    node: Node,
    value: Tensor,
    size: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    dilation: Sequence[int] = (1,),
    ceil_mode: bool = False,
) -> Tensor:
    if any(padding) or set(dilation) != {1} or ceil_mode:
        raise unfit(node)
    options = schema.Pool2DOptionsT(
        padding=schema.Padding.VALID,
        filterHeight=size[0],
        filterWidth=size[-1],
        strideH=(stride or size)[0],
        strideW=(stride or size)[-1],
    )
    return to.emit("MAX_POOL_2D", [value], sides(node), value.grid, options)


def _bilinear(
    to: Translation, node: Node, value: Tensor, _: Any, align_corners: bool, factors: Sequence[float] | None = None
) -> Tensor:
    shape = sides(node)
    _refuse_parts(node, value, factors)
    options = schema.ResizeBilinearOptionsT(alignCorners=align_corners, halfPixelCenters=not align_corners)
    return to.emit("RESIZE_BILINEAR", [to.floats(value), to.numbers(shape[1:3])], shape, options=options)


def _nearest(to: Translation, node: Node, value: Tensor, _: Any, factors: Sequence[float] | None = None) -> Tensor:
    shape = sides(node)
    _refuse_parts(node, value, factors)
    if any(new % old for new, old in zip(shape[1:3], value.shape[1:3], strict=True)):
        raise unfit(node)
    options = schema.ResizeNearestNeighborOptionsT(halfPixelCenters=True)
    return to.emit("RESIZE_NEAREST_NEIGHBOR", [value, to.numbers(shape[1:3])], shape, value.grid, options)


def _refuse_parts(node: Node, value: Tensor, factors: Sequence[float] | None) -> None:
    """Refuse factors that are not those of the sizes, since LiteRT knows sizes only."""
    sizes = zip(value.shape[1:3], sides(node)[1:3], factors or (), strict=False)
    if any(old * factor != new for old, new, factor in sizes):
        raise unfit(node)


def _reduced(to: Translation, kind: str, value: Any, dims: Sequence[int] | None) -> Tensor:
    """One axis after the other: who adds up a whole image in float32 at once loses digits."""
    result = to.floats(value)
    axes = sorted((_axis(dim) for dim in (dims or ())), reverse=True)
    for axis in axes:
        shape = [1 if at == axis else side for at, side in enumerate(result.shape)]
        result = to.emit(kind, [result, to.numbers([axis])], shape, options=schema.ReducerOptionsT(keepDims=True))
    return result


def _mean(to: Translation, node: Node, value: Any, dims: Any, keepdim: bool = False, **_: Any) -> Tensor:
    if not keepdim or not dims:
        raise unfit(node)
    return _reduced(to, "MEAN", value, dims)


def _norm(to: Translation, node: Node, value: Tensor, order: float = 2, dims: Any = None, keepdim: bool = False) -> Any:
    if order != 2 or not keepdim or not dims:
        raise unfit(node)
    return _root(to, _reduced(to, "SUM", _squared(to, value), dims))


def _deviation(
    to: Translation, node: Node, value: Tensor, dims: Any = None, *, correction: float = 1, keepdim: bool = False
) -> list[Tensor]:
    """The standard deviation and the mean."""
    if not keepdim or not dims:
        raise unfit(node)
    floats, mean = to.floats(value), _reduced(to, "MEAN", value, dims)
    apart = to.emit("SUB", [floats, mean], floats.shape, options=_options("SUB"))
    total = _reduced(to, "SUM", _squared(to, apart), dims)
    amount = math.prod(value.shape) / math.prod(mean.shape) - correction
    return [_root(to, to.emit("DIV", [total, to.floats(amount)], mean.shape, options=_options("DIV"))), mean]


def _squared(to: Translation, value: Tensor) -> Tensor:
    floats = to.floats(value)
    return to.emit("MUL", [floats, floats], floats.shape, options=_options("MUL"))


def _root(to: Translation, value: Tensor) -> Tensor:
    return to.emit("SQRT", [value], value.shape)


def _pool_all(to: Translation, node: Node, value: Tensor, size: Sequence[int]) -> Tensor:
    if set(size) != {1}:
        raise unfit(node)
    return _reduced(to, "MEAN", value, (2, 3))


_WRITERS: dict[Any, Writer] = {
    QUANTIZE: _quantize,
    DEQUANTIZE: _same,
    **dict.fromkeys(RECTIFIERS, _relu),
    **dict.fromkeys((_ATEN.clone.default, _ATEN.contiguous.default, _ATEN.alias.default), _same),
    operator.getitem: _item,
    _ATEN.adaptive_avg_pool2d.default: _pool_all,
    _ATEN.add.Tensor: _add,
    _ATEN.addcmul.default: _add_product,
    _ATEN.batch_norm.default: _batch_norm,
    _ATEN.cat.default: _concatenate,
    _ATEN.chunk.default: _split,
    _ATEN.conv2d.default: write_convolution,
    _ATEN.div.Tensor: _of_two("DIV"),
    _ATEN.exp.default: _of_one("EXP"),
    _ATEN.leaky_relu.default: _leaky_relu,
    _ATEN.linalg_vector_norm.default: _norm,
    _ATEN.log.default: _of_one("LOG"),
    _ATEN.max_pool2d.default: _max_pool,
    _ATEN.mean.dim: _mean,
    _ATEN.mul.Tensor: _of_two("MUL"),
    _ATEN.pad.default: _pad,
    _ATEN.pixel_shuffle.default: _pixel_shuffle,
    _ATEN.prelu.default: _prelu,
    _ATEN.repeat.default: _repeat,
    _ATEN.sigmoid.default: _of_one("LOGISTIC"),
    _ATEN.silu.default: _silu,
    _ATEN.slice.Tensor: _slice,
    _ATEN.split.Tensor: _split,
    _ATEN.split_with_sizes.default: _split,
    _ATEN.sqrt.default: _of_one("SQRT"),
    _ATEN.square.default: lambda to, _, value: _squared(to, value),
    _ATEN.std_mean.correction: _deviation,
    _ATEN.sub.Tensor: _subtract,
    _ATEN.tanh.default: _of_one("TANH"),
    _ATEN.to.dtype: _cast,
    _ATEN.upsample_bilinear2d.vec: _bilinear,
    _ATEN.upsample_nearest2d.vec: _nearest,
}
