"""Cutting files of LiteRT where integers pass, for benchmarks/segments.py."""

import copy
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from qnas.core.deploy.lowering import INPUT
from qnas.plugins.targets.tflite.convolution import shuffled

if TYPE_CHECKING:
    from segments import Cut, Feeds, Run, Values

_QUANTIZER = re.compile(rb"quantize_per_tensor(?:_(\d+))?")
_KINDS = {code: kind for kind, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
_PASSED = {"LEAKY_RELU", "MAXIMUM", "PRELU", "QUANTIZE", "RELU"}


def cut_tflite(path: Path) -> "tuple[list[Cut], Run]":
    """A file, cut, and what runs all of its segments.

    A quantizer that gives what it gets has no tensor there, and is left out.
    """
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes())
    model.signatureDefs = None
    (graph,) = model.subgraphs
    places = _places(graph)
    orders = [_order(graph, place) for place in places]
    cuts = [_cut(model, graph, place) for place in places]
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return cuts, _running(bytes(builder.Output()), [INPUT, *(of.name for of in cuts)], orders)


def _places(graph: Any) -> list[int]:
    """The tensors of integers that quantizers give, in the order of the network."""
    last = {tensor.name: place for place, tensor in enumerate(graph.tensors) if _QUANTIZER.fullmatch(tensor.name)}
    return list(last.values())


def _order(graph: Any, place: int) -> "Values":
    """Which of the network's channels comes where in a tensor: DEPTH_TO_SPACE wants an order of its own."""
    channels = graph.tensors[place].shape[-1]
    blocks = [
        operator.builtinOptions.blockSize
        for operator in graph.operators
        if place in operator.inputs and isinstance(operator.builtinOptions, schema.DepthToSpaceOptionsT)
    ]
    return shuffled(channels, blocks[0]) if blocks else np.arange(channels)


def _cut(model: Any, graph: Any, place: int) -> "Cut":
    """Make a tensor an output, and what its readers get an input."""
    from segments import Cut

    given = copy.copy(graph.tensors[place])
    given.name = given.name + b"_in"
    graph.tensors.append(given)
    for operator in graph.operators:
        operator.inputs = np.where(operator.inputs == place, len(graph.tensors) - 1, operator.inputs)
    graph.inputs = np.append(graph.inputs, np.int32(len(graph.tensors) - 1))
    graph.outputs = np.insert(graph.outputs, len(graph.outputs) - 1, place)
    number = _QUANTIZER.fullmatch(graph.tensors[place].name)
    return Cut(
        given.name.decode(),
        given.quantization.scale[0],
        given.quantization.zeroPoint.astype(np.int8),
        graph.tensors[place].name.decode(),
        _operator(model, graph, place),
        int(number[1] or 0) if number else 0,
    )


def _operator(model: Any, graph: Any, place: int) -> str:
    """The operator that computes a tensor, before rectifiers and what makes integers of it."""
    maker = next((operator for operator in graph.operators if place in operator.outputs), None)
    if maker is None:
        return INPUT
    kind = _KINDS[model.operatorCodes[maker.opcodeIndex].builtinCode]
    return _operator(model, graph, maker.inputs[0]) if kind in _PASSED else kind


def _running(content: bytes, names: list[str], orders: "list[Values]") -> "Run":
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    places = [tensor["index"] for tensor in interpreter.get_input_details()]
    made = [tensor["index"] for tensor in interpreter.get_output_details()]
    colours = np.arange(3)

    def run(feeds: "Feeds") -> "list[Values]":
        for place, name, order in zip(places, names, [colours, *orders], strict=True):
            interpreter.set_tensor(place, feeds[name].transpose(0, 2, 3, 1)[..., order])
        interpreter.invoke()
        return [
            interpreter.get_tensor(place).transpose(0, 3, 1, 2)[:, np.argsort(order)]
            for place, order in zip(made, [*orders, colours], strict=True)
        ]

    return run
