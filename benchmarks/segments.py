"""Whether a file computes right what lies between one quantizer and the next, for benchmarks/parity.py.

A network of few bits carries a single value that is rounded to the other side of a tie over its whole image. To tell
that from a wrong operator, the file is cut where integers pass: every segment gets the integers of the network in
PyTorch, and what it makes of them is compared with the network's next ones. Runtimes fuse what is inside of a segment,
so its kernels stay what they are.
"""

import functools
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import Tensor, nn

from qnas.core.components import ImageStatistic, Moments, Target
from qnas.core.deploy.integers import IntegerActivation
from qnas.core.deploy.lowering import INPUT, with_integers
from qnas.plugins.targets.openvino import shared_core
from qnas.plugins.targets.quicker import REPEATED

Values = npt.NDArray[Any]
Feeds = Mapping[str, Values]
Run = Callable[[Feeds], list[Values]]
"""From the integers that the segments get to those that they make; at the end stands the enlarged image."""
TIE = 1e-2
"""Steps; a value that is no further from a tie may be rounded to either side. Sums in float32 differ by up to 0.001."""
NEAR = 1e-2
"""Levels of 255 that what comes out at the end may differ by."""
_RECTIFIERS = {"Clip", "LeakyRelu", "Max", "PRelu", "Relu"}


class Reference(NamedTuple):
    """What the network in PyTorch does at a quantizer: its step, what it gets in steps, and the values behind it."""

    step: float
    steps: Tensor
    values: Tensor


@dataclass
class Segments:
    """How the segments of a file compare with those of its network.

    Attributes:
        integers: How many are compared.
        differing: How many of them differ.
        from_tie: How far from a tie the furthest of these is, in steps.
        operators: How many of them stand behind each operator of the file.
        wrong: The tensors of the file, and their operators, of which one is further than TIE.
    """

    integers: int = 0
    differing: int = 0
    from_tie: float = 0.0
    operators: dict[str, int] = field(default_factory=dict)
    wrong: tuple[str, ...] = ()

    def add(self, of: "Cut", differs: Tensor, from_tie: Tensor) -> None:
        """Count the integers behind one quantizer."""
        self.integers += differs.numel()
        if not differs.any():
            return
        furthest, amount = float(from_tie[differs].max()), int(differs.sum())
        self.differing += amount
        self.operators[of.operator] = self.operators.get(of.operator, 0) + amount
        self.from_tie = max(self.from_tie, furthest)
        if furthest > TIE and of.made_by not in self.wrong:
            self.wrong += (of.made_by,)

    def failure(self) -> str:
        """What is wrong, or ``""``."""
        return f"wrong behind a quantizer: {', '.join(self.wrong)}" if self.wrong else ""


def compare_segments(network: nn.Module, path: Path, target: Target, images: Sequence[Tensor]) -> Segments:
    """Compare a file segment by segment.

    Args:
        network: What it was written from.
        path: Of the file.
        target: The runtime.
        images: (1, 3, H, W), RGB in 0..1, of a size that the file takes.
    """
    cuts, run = _cut(path, target)
    found, integers = Segments(), exactly_measuring(with_integers(network))
    for image in images:
        seen_there, output = watched(integers, image)
        references = [of.reference(seen_there) for of in cuts]
        feeds = {of.name: of.integers(seen.values) for of, seen in zip(cuts, references, strict=True)}
        *made, enlarged = run({INPUT: image.numpy(), **feeds})
        for of, seen, ours in zip(cuts, references, made, strict=True):
            found.add(of, torch.from_numpy(ours != feeds[of.name]), seen.steps.frac().abs().sub(0.5).abs())
        if np.abs(enlarged - output.numpy()).max() * 255 > NEAR:
            found.wrong += ("the output",)
    return found


def _cut(path: Path, target: Target) -> "tuple[list[Cut], Run]":
    """A file, cut, and what runs all of its segments."""
    if target.registered_name() == "litert":
        from tflite_segments import cut_tflite

        return cut_tflite(path)
    if target.registered_name() == "qonnx":
        from qonnx_segments import cut_qonnx

        return cut_qonnx(path)
    return cut_onnx(path, target)


class Cut(NamedTuple):
    """A place in a file where integers pass, with their grid.

    Attributes:
        name: Of the tensor of integers that the next segment gets.
        scale: The step.
        zero_point: The integer of zero.
        tensor: What is quantized there.
        operator: What computes that, before rectifiers.
        quantizer: Which of the network's quantizers that is, in their order; None if it is the one of that step.
    """

    name: str
    scale: Values
    zero_point: Values
    tensor: str
    operator: str
    quantizer: int | None = None

    @property
    def made_by(self) -> str:
        """The tensor, and its operator."""
        return f"{self.tensor} ({self.operator})"

    def reference(self, seen: Sequence[Reference]) -> Reference:
        """What the network does there."""
        if self.quantizer is not None:
            return seen[self.quantizer]
        (of_step,) = (each for each in seen if np.float32(each.step) == self.scale)
        return of_step

    def integers(self, values: Tensor) -> Values:
        """The integers of values on the grid."""
        whole: Values = np.rint(values.numpy() / self.scale) + self.zero_point
        return whole.astype(self.zero_point.dtype)


def cut_onnx(path: Path, target: Target) -> tuple[list[Cut], Run]:
    """A file in ONNX's form, cut, and what runs all of its segments."""
    model = onnx.load(path)
    return cut(model), _RUNTIMES[target.registered_name()](model, target)


def cut(model: onnx.ModelProto) -> list[Cut]:
    """Make what each quantizer gives an output, and what comes behind it an input, of the same name with ``_in``."""
    graph = model.graph
    known = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    known |= {n.output[0]: onnx.numpy_helper.to_array(n.attribute[0].t) for n in graph.node if n.op_type == "Constant"}
    makers = {name: node for node in graph.node for name in node.output}
    enlarged, cuts = graph.output.pop(), []
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] not in known:
            quantize = next(n for n in _back(makers, node.input[0]) if n.op_type == "QuantizeLinear")
            if quantize.output[0].endswith(REPEATED):
                continue  # the network has no quantizer there
            given = quantize.input[0]
            grid = known[node.input[1]], known[node.input[2]]
            of = Cut(f"{node.input[0]}_in", *grid, given, operator_of(given, makers, known), len(cuts))
            dtype = onnx.helper.np_dtype_to_tensor_dtype(of.zero_point.dtype)
            graph.output.append(onnx.helper.make_tensor_value_info(node.input[0], dtype, [None] * 4))
            graph.input.append(onnx.helper.make_tensor_value_info(of.name, dtype, [None] * 4))
            node.input[0] = of.name
            cuts.append(of)
    graph.output.append(enlarged)
    return cuts


def operator_of(name: str, makers: Mapping[str, onnx.NodeProto], known: Container[str]) -> str:
    """The operator that computes a tensor, before rectifiers and the bias of a convolution."""
    node = makers.get(name)
    if node is None:
        return INPUT
    is_bias = node.op_type == "Add" and node.input[1] in known
    return operator_of(node.input[0], makers, known) if is_bias or node.op_type in _RECTIFIERS else node.op_type


def _back(makers: Mapping[str, onnx.NodeProto], name: str) -> list[onnx.NodeProto]:
    """The nodes before a tensor, along first inputs, as far as the quantizer."""
    nodes = [makers[name]]
    while nodes[-1].op_type != "QuantizeLinear":
        nodes.append(makers[nodes[-1].input[0]])
    return nodes


def exactly_measuring(network: nn.Module) -> nn.Module:
    """A network that measures whole images in float64: in float32, PyTorch loses more of a sum than runtimes do."""
    for module in network.modules():
        if isinstance(module, ImageStatistic):
            module.measure = functools.partial(_measured, module)  # type: ignore[method-assign]
    return network


def _measured(statistic: ImageStatistic, features: Tensor) -> Tensor:
    return statistic.of_moments(Moments.of(features)).to(features.dtype)


@torch.no_grad()
def watched(integers: nn.Module, image: Tensor) -> tuple[list[Reference], Tensor]:
    """What a network with integers does at each of its quantizers, in order, and its output."""
    seen: list[Reference] = []

    def watch(layer: IntegerActivation, inputs: tuple[Tensor], values: Tensor) -> None:
        seen.append(Reference(layer.grid[0], layer.activation(inputs[0]) / layer.grid[0], values))

    layers = [module for module in integers.modules() if isinstance(module, IntegerActivation)]
    hooks = [layer.register_forward_hook(watch) for layer in layers]
    output: Tensor = integers(image)
    for hook in hooks:
        hook.remove()
    return seen, output


def _in_onnxruntime(model: onnx.ModelProto, _: Target) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

    def run(feeds: Feeds) -> list[Values]:
        made: list[Values] = session.run(None, dict(feeds))
        return made

    return run


def _in_openvino(model: onnx.ModelProto, target: Target) -> Run:
    core = shared_core()
    compiled = core.compile_model(core.read_model(model.SerializeToString()), "CPU", dict(target.settings()))

    def run(feeds: Feeds) -> list[Values]:
        made = compiled(dict(feeds))
        return [made[index] for index in range(len(compiled.outputs))]

    return run


_RUNTIMES = {"onnxruntime": _in_onnxruntime, "openvino": _in_openvino, "tensorrt": _in_onnxruntime}
