"""From a lowered network to the operators of LiteRT: what is on integers, and where floats are needed.

An operator of PyTorch gives floats. Where a quantizer follows, LiteRT's operator gives the integers of that at once.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt
import torch
from ai_edge_litert import schema_py_generated as schema
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind
from torch.fx import Node
from torch.fx.node import map_arg
from torch.utils._pytree import tree_leaves, tree_map

from qnas.core.deploy.integers import FORM
from qnas.core.deploy.lowering import INPUT, OUTPUT
from qnas.core.errors import InputError
from qnas.plugins.targets.tflite.file import LARGEST, SMALLEST, Grid, Tensor, TfliteFile

QUANTIZE, DEQUANTIZE = FORM.quantize_per_tensor.default, FORM.dequantize_per_tensor.default
_ATEN = torch.ops.aten
RECTIFIERS = {_ATEN.relu.default, _ATEN.relu_.default}
_DEQUANTIZE_CHANNELS = FORM.dequantize_per_channel.default
_SHAPES = {_ATEN.ones_like.default: torch.ones, _ATEN.zeros_like.default: torch.zeros}
"""What depends on the shape of a tensor only."""
_IMAGE = 4  # sides
_RATIOS = (2.0**-32, 256.0)
_ONE = 64
"""The integer of a weight that changes nothing; a small one would be rounded twice."""
Writer = Callable[..., Any]


class Stored(NamedTuple):
    """Integers that the file holds: ``scales * integers``, with a scale for each output channel."""

    integers: torch.Tensor
    scales: torch.Tensor

    @property
    def values(self) -> torch.Tensor:
        """Their values, in float32."""
        return self.integers.float() * self.scales.view(-1, *[1] * (self.integers.dim() - 1))


class Ending(NamedTuple):
    """How what an operator gives becomes integers.

    Attributes:
        grid: Of the integers. Where a ReLU stands before, none is below zero.
        through: The nodes that it goes through; the last of them quantizes.
    """

    grid: Grid
    through: tuple[Node, ...]

    @property
    def name(self) -> str:
        """Of the quantizer."""
        return self.through[-1].name

    @property
    def activation(self) -> int:
        """The activation of the operator: a ReLU clips at zero, and nothing is to be clipped at the end of int8."""
        clips_at_zero = SMALLEST < self.grid.smallest == self.grid.zero_point
        return int(schema.ActivationFunctionType.RELU if clips_at_zero else schema.ActivationFunctionType.NONE)

    @property
    def unclipped(self) -> Grid:
        """What an operator with that activation gives."""
        return self.grid if self.activation else self.grid._replace(smallest=SMALLEST)


class Translation:
    """Writes one network.

    Args:
        program: The network.
        writers: For each operator of PyTorch, what writes it: it is called with the translation, the node, and the
            node's arguments, whose tensors are :class:`Tensor`, or known, as :class:`Stored` or in PyTorch.
    """

    def __init__(self, program: ExportedProgram, writers: Mapping[Any, Writer]) -> None:
        self.file = TfliteFile()
        self.permuted: set[Node] = set()
        """Pixel shuffles whose channels already have LiteRT's order."""
        self._writers = writers
        self._values: dict[Node, Any] = {}
        self._floats: dict[int, Tensor] = {}
        self._program = program
        self._name = ""

    def write(self, path: Path) -> None:
        """Write the network to a file.

        Raises:
            InputError: LiteRT has no operator for something in it; the message names it.
        """
        graph = self._program.graph
        (output,) = graph.find_nodes(op="output")
        needed, given = _needed(output), self._given()
        for node in graph.nodes:
            if node in needed and node not in self._values and node is not output:
                self._name = node.name
                self._values[node] = given[node.name] if node.name in given else self._computed(node)
        ((sr_node,),) = output.args
        self._name = OUTPUT
        self.file.save(path, given[INPUT], self.floats(self._values[sr_node]))

    def _given(self) -> dict[str, Any]:
        """What the network is given, by name: parameters, buffers and constants are known."""
        known = {**self._program.state_dict, **self._program.constants}
        given: dict[str, Any] = {}
        for spec in self._program.graph_signature.input_specs:
            given[spec.arg.name] = None if spec.kind == InputKind.USER_INPUT else known[spec.target]
        (lr,) = self._program.graph.find_nodes(op="placeholder")[-1:]
        given[INPUT] = self.file.input(INPUT, sides(lr))
        return given

    def _computed(self, node: Node) -> Any:
        if node.target in _SHAPES:
            return _SHAPES[node.target](node.meta["val"].shape)
        args, kwargs = cast("tuple[Any, Any]", map_arg((node.args, dict(node.kwargs)), self._values.__getitem__))
        if node.target == _DEQUANTIZE_CHANNELS:
            return _stored(*args)
        is_known = not any(isinstance(leaf, Tensor) for leaf in tree_leaves((args, kwargs), is_leaf=_is_tensor))
        if is_known and not _is_outer_product(node):
            args, kwargs = tree_map(_known, (args, kwargs), is_leaf=_is_tensor)
            return node.target(*args, **kwargs)  # type: ignore[operator]
        if node.target not in self._writers:
            raise unfit(node)
        return self._writers[node.target](self, node, *args, **kwargs)

    def emit(
        self,
        kind: str,
        inputs: Sequence[Tensor],
        shape: Sequence[int],
        grid: Grid | None = None,
        options: Any = None,
    ) -> Tensor:
        """Write an operator; see :meth:`TfliteFile.operator`."""
        return self.file.operator(kind, inputs, shape, grid, options, self._name)

    def numbers(self, values: Sequence[int] | npt.NDArray[Any]) -> Tensor:
        """Whole numbers, such as sizes or places."""
        return self.file.constant(np.array(values, np.int32))

    def floats(self, value: Any) -> Tensor:
        """A tensor, or what is known, as a tensor of floats."""
        if isinstance(value, Tensor):
            return value if value.grid is None else self._dequantized(value)
        known = torch.as_tensor(_known(value), dtype=torch.float32).detach()
        if known.dim():
            known = known.reshape(*[1] * (_IMAGE - known.dim()), *known.shape).permute(0, 2, 3, 1)
        return self.file.constant(known.numpy())

    def _dequantized(self, integers: Tensor) -> Tensor:
        if integers.place not in self._floats:
            self._floats[integers.place] = self.emit("DEQUANTIZE", [integers], integers.shape)
        return self._floats[integers.place]

    def ending(self, node: Node) -> Ending | None:
        """How a node becomes integers, if it does at once and nothing else needs it."""
        through: tuple[Node, ...] = ()
        while len(node.users) == 1:
            is_rectified = node.target in RECTIFIERS
            (node,) = node.users
            through += (node,)
            if node.target == QUANTIZE:
                grid = grid_of(node)
                smallest = max(grid.smallest, grid.zero_point) if is_rectified else grid.smallest
                return Ending(grid._replace(smallest=smallest), through)
            if node.target not in RECTIFIERS:
                return None
        return None

    def end(self, ending: Ending) -> None:
        """From here on, write what gives the integers of an ending."""
        self._name = ending.name

    def ended(self, integers: Tensor, ending: Ending) -> Tensor:
        """The integers of an ending, clipped; the nodes up to there need nothing more."""
        clipped = self.clipped(integers, ending.grid.smallest)
        self._values.update(dict.fromkeys(ending.through, clipped))
        return clipped

    def clipped(self, integers: Tensor, smallest: int) -> Tensor:
        """Integers of at least ``smallest``."""
        if integers.grid is None or integers.grid.smallest >= smallest:
            return integers
        limit = self.file.constant(np.array(smallest, np.int8), np.array([integers.grid.scale]))
        grid = integers.grid._replace(smallest=smallest)
        return self.emit("MAXIMUM", [integers, limit], integers.shape, grid)

    def onto(self, value: Tensor, ending: Ending) -> Tensor:
        """What is given or computed, on the grid of an ending."""
        if value.grid is not None and value.grid[:2] == ending.grid[:2]:
            integers = value
        elif value.grid is not None and can_rescale(value.grid.scale, ending.grid):
            integers = self.rescaled(value, ending)
        else:
            unclipped = ending.grid._replace(smallest=SMALLEST)
            integers = self.emit("QUANTIZE", [self.floats(value)], value.shape, unclipped, schema.QuantizeOptionsT())
        return self.clipped(integers, ending.grid.smallest)

    def rescaled(self, integers: Tensor, ending: Ending, factors: npt.NDArray[Any] | None = None) -> Tensor:
        """Integers times a factor for each channel, on another grid: a depthwise convolution with a kernel of 1.

        Note:
            QUANTIZE takes integers to another grid too, but XNNPACK keeps 8 bits of the ratio of the steps for that,
            which leaves it up to 0.25 steps off.
        """
        factors = np.ones(integers.shape[-1]) if factors is None else factors
        scales = np.where(factors == 0, 1, np.abs(factors)) / _ONE
        weights = self.file.constant((_ONE * np.sign(factors)).astype(np.int8).reshape(1, 1, 1, -1), scales, axis=3)
        products = scales * (integers.grid.scale if integers.grid else 1)
        bias = self.file.constant(np.zeros(len(scales), np.int32), products)
        options = schema.DepthwiseConv2DOptionsT(
            padding=schema.Padding.VALID,
            strideW=1,
            strideH=1,
            depthMultiplier=1,
            fusedActivationFunction=ending.activation,
        )
        return self.emit("DEPTHWISE_CONV_2D", [integers, weights, bias], integers.shape, ending.unclipped, options)


def grid_of(node: Node) -> Grid:
    """The grid of a quantizer, moved so that its largest integer is the largest of int8.

    Integers are then clipped at the upper end by being int8.

    Raises:
        InputError: It is wider.
    """
    _, scale, zero_point, smallest, largest, _ = node.args
    moved = LARGEST - largest  # type: ignore[operator]
    grid = Grid(scale, zero_point + moved, smallest + moved)  # type: ignore[operator, arg-type]
    if not SMALLEST <= grid.smallest <= grid.zero_point <= LARGEST:
        raise InputError(f"LiteRT has at most 8 bits, of which one is zero, but a grid is {smallest} to {largest}")
    return grid


def can_rescale(scales: Any, grid: Grid) -> bool:
    """Whether integer kernels can bring sums with such steps onto a grid: XNNPACK can't if those are far apart."""
    ratios = np.asarray(scales) / grid.scale
    smallest, largest = _RATIOS
    return bool(((smallest <= ratios) & (ratios < largest)).all())


def sides(node: Node) -> tuple[int, ...]:
    """The shape of a node's images as (1, H, W, C).

    Raises:
        InputError: It is no image, or its size is not known.
    """
    return sides_of(node.meta["val"].shape, node)


def sides_of(shape: Sequence[int], node: Node) -> tuple[int, ...]:
    """The shape (1, C, H, W) as (1, H, W, C); see :func:`sides`."""
    if len(shape) != _IMAGE or not all(isinstance(side, int) for side in shape):
        raise unfit(node)
    amount, channels, *rest = shape
    return (amount, *rest, channels)


def unfit(node: Node) -> InputError:
    """What is said of a node that LiteRT has no operator for."""
    modules = [path for path, _ in node.meta.get("nn_module_stack", {}).values()]
    inside = modules[-1].removeprefix("network").removeprefix(".") if modules else ""
    where = f" in '{inside}'" if inside else ""
    return InputError(f"LiteRT can't run {node.target}{where}: there is no operator for what it does there")


def _needed(output: Node) -> set[Node]:
    """The nodes that an output depends on."""
    needed, waiting = set(), [output]
    while waiting:
        node = waiting.pop()
        if node not in needed:
            needed.add(node)
            waiting += [] if node.target in _SHAPES else node.all_input_nodes
    return needed


def _is_outer_product(node: Node) -> bool:
    """Whether it is a product larger than its factors together, which a file would be large with."""
    sizes = [factor.meta["val"].numel() for factor in node.all_input_nodes]
    return node.target == _ATEN.mul.Tensor and len(sizes) > 1 and node.meta["val"].numel() > sum(sizes)


def _stored(integers: torch.Tensor, scales: torch.Tensor, zero_points: torch.Tensor, *_: Any) -> Stored:
    return Stored(integers.int() - zero_points.int().view(-1, *[1] * (integers.dim() - 1)), scales)


def _known(value: Any) -> Any:
    return value.values if isinstance(value, Stored) else value


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Tensor | Stored)
