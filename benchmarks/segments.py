"""Whether a file computes right what lies between one quantizer and the next, for benchmarks/parity.py.

A network of few bits carries a single value that is rounded to the other side of a tie over its whole image. To tell
that from a wrong operator, the file is cut where integers pass: every segment gets the integers of the network in
PyTorch, and what it makes of them is compared with the network's next ones. Runtimes fuse what is inside of a segment,
so its kernels stay what they are.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import Tensor, nn

from qnas.core.components import Target
from qnas.core.deploy.integers import IntegerActivation
from qnas.core.deploy.lowering import INPUT, with_integers

Values = npt.NDArray[Any]
Feeds = Mapping[str, Values]
Run = Callable[[Feeds], list[Values]]
"""From the integers that the segments get to those that they make; at the end stands the enlarged image."""
TIE = 1e-2
"""Steps; a value that is no further from a tie may be rounded to either side. Sums in float32 differ by up to 0.001."""
NEAR = 1e-2
"""Levels of 255 that what comes out at the end may differ by."""


class Reference(NamedTuple):
    """What the network in PyTorch does at a quantizer: in steps, before rounding, and the values behind it."""

    steps: Tensor
    values: Tensor


@dataclass
class Segments:
    """How the segments of a file compare with those of its network.

    Attributes:
        integers: How many are compared.
        differing: How many of them differ.
        from_tie: How far from a tie the furthest of these is, in steps.
        wrong: The tensors of the file, and their operators, of which one is further than TIE.
    """

    integers: int = 0
    differing: int = 0
    from_tie: float = 0.0
    wrong: tuple[str, ...] = ()

    def add(self, name: str, differs: Tensor, from_tie: Tensor) -> None:
        """Count the integers behind one quantizer."""
        self.integers += differs.numel()
        self.differing += int(differs.sum())
        furthest = float(from_tie[differs].max()) if differs.any() else 0.0
        self.from_tie = max(self.from_tie, furthest)
        if furthest > TIE and name not in self.wrong:
            self.wrong += (name,)


def compare_segments(network: nn.Module, path: Path, target: Target, images: Sequence[Tensor]) -> Segments:
    """Compare a file segment by segment.

    Args:
        network: What it was written from.
        path: Of the file.
        target: The runtime: ``litert``, ``onnxruntime`` or ``openvino``.
        images: (1, 3, H, W), RGB in 0..1, of a size that the file takes.
    """
    from tflite_segments import cut_tflite

    cuts, run = cut_tflite(path) if path.suffix == ".tflite" else cut_onnx(path, target)
    found, integers = Segments(), with_integers(network)
    for image in images:
        seen_there, output = watched(integers, image)
        references = [seen_there[of.quantizer] for of in cuts]
        feeds = {of.name: of.integers(seen.values) for of, seen in zip(cuts, references, strict=True)}
        *made, enlarged = run({INPUT: image.numpy(), **feeds})
        for of, seen, ours in zip(cuts, references, made, strict=True):
            found.add(of.made_by, torch.from_numpy(ours != feeds[of.name]), seen.steps.frac().abs().sub(0.5).abs())
        if np.abs(enlarged - output.numpy()).max() * 255 > NEAR:
            found.wrong += ("the output",)
    return found


class Cut(NamedTuple):
    """A place in a file where integers pass, with their grid.

    Attributes:
        name: Of the tensor of integers that the next segment gets.
        scale: The step.
        zero_point: The integer of zero.
        made_by: What gives the values that are quantized there.
        quantizer: Which of the network's quantizers that is, in their order.
    """

    name: str
    scale: Values
    zero_point: Values
    made_by: str
    quantizer: int

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
            maker = makers.get(quantize.input[0])
            what = f"{quantize.input[0]} ({maker.op_type if maker else 'input'})"
            of = Cut(f"{node.input[0]}_in", known[node.input[1]], known[node.input[2]], what, len(cuts))
            dtype = onnx.helper.np_dtype_to_tensor_dtype(of.zero_point.dtype)
            graph.output.append(onnx.helper.make_tensor_value_info(node.input[0], dtype, [None] * 4))
            graph.input.append(onnx.helper.make_tensor_value_info(of.name, dtype, [None] * 4))
            node.input[0] = of.name
            cuts.append(of)
    graph.output.append(enlarged)
    return cuts


def _back(makers: Mapping[str, onnx.NodeProto], name: str) -> list[onnx.NodeProto]:
    """The nodes before a tensor, along first inputs, as far as the quantizer."""
    nodes = [makers[name]]
    while nodes[-1].op_type != "QuantizeLinear":
        nodes.append(makers[nodes[-1].input[0]])
    return nodes


@torch.no_grad()
def watched(integers: nn.Module, image: Tensor) -> tuple[list[Reference], Tensor]:
    """What a network with integers does at each of its quantizers, in order, and its output."""
    seen: list[Reference] = []

    def watch(layer: IntegerActivation, inputs: tuple[Tensor], values: Tensor) -> None:
        seen.append(Reference(layer.activation(inputs[0]) / layer.grid[0], values))

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
    import openvino

    core = openvino.Core()
    compiled = core.compile_model(core.read_model(model.SerializeToString()), "CPU", dict(target.settings()))

    def run(feeds: Feeds) -> list[Values]:
        made = compiled(dict(feeds))
        return [made[index] for index in range(len(compiled.outputs))]

    return run


_RUNTIMES = {"onnxruntime": _in_onnxruntime, "openvino": _in_openvino}
