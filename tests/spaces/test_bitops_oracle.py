"""BitOps against an independent oracle: qonnx's count of the exported network."""

import ast

import pytest
import torch
from torch import nn

from qnas.core.components import Quantizer, Space
from qnas.core.network import Architecture, count_found

from ..totals import total

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
pytest.importorskip("qonnx")

from qonnx.core.datatype import DataType  # noqa: E402
from qonnx.core.modelwrapper import ModelWrapper  # noqa: E402
from qonnx.util.inference_cost import inference_cost  # noqa: E402

SCALE = 4
BITS = [2, 3, 4, 5, 8, [4, 8], [8, 3], 32]
KNOWN = [
    *("espcn", "fsrcnn", "srresnet", "edsr-baseline", "imdn", "rfdn", "rlfn", "ecbsr", "abpn"),
    *("span", "compact", "quicksrnet", "xlsr"),
]
COMPOSITE = ["separable5x5", "growth3x3", "conv3x3g2", "conv5x1-1x5", {"name": "conv", "dilation": 2}]
SPACES = {
    **{name: {"name": name, "operations": ["native"]} for name in (*KNOWN, "quantnas-rfdn", "basic", "skeleton")},
    "spab": {
        "extends": "skeleton",
        "body": [{"block": "spab", "repeat": 3}],
        "activation": "silu",
        "operations": ["native"],
    },
    "other operations": {"extends": "skeleton", "operations": {"body": COMPOSITE}},
}


def datatype(bits):
    return DataType["FLOAT32" if bits == 32 else f"INT{bits}"]


def exported(network, path, dynamo):
    """The network in ONNX at 32 x 32. Each convolution reads its own tensor, which thus has its own width."""
    torch.onnx.export(network, (torch.rand(1, 3, 32, 32),), path, dynamo=dynamo, opset_version=18)
    model = onnx.load(path)
    nodes = list(model.graph.node)
    del model.graph.node[:]
    for node in nodes:
        if node.op_type == "Conv":
            own = f"{node.name}_reads"
            model.graph.node.append(onnx.helper.make_node("Identity", [node.input[0]], [own], name=f"{own}_copy"))
            node.input[0] = own
        model.graph.node.append(node)
    return ModelWrapper(onnx.shape_inference.infer_shapes(model, data_prop=True))


def qonnx_bitops(model, widths_of):
    for node in model.get_nodes_by_op_type("Conv"):
        activations, weights, *_ = node.input
        bits = widths_of(weights)
        model.set_tensor_datatype(weights, datatype(bits.weight))
        model.set_tensor_datatype(activations, datatype(bits.activation))
    # Without its preprocessing, which would overwrite the widths.
    cost = inference_cost(model, preprocess=False, discount_sparsity=False)["total_cost"]
    uncounted = ast.literal_eval(cost["unsupported"])
    assert not [operator for operator in uncounted if operator.startswith("Conv")]
    return cost["total_bops"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("name", SPACES)
def test_bitops_at_mixed_bits_are_those_of_qonnx(draw, name, tmp_path):
    space = Space.of({**SPACES[name], "bits": BITS})
    chosen = draw(space, SCALE, seed=len(name))
    float_network = Architecture.from_candidates(space, SCALE, chosen).build(Quantizer.of("none")).eval()
    # PyTorch's older exporter is twice as fast, but leaves the size of a repeated image open.
    model = exported(float_network, tmp_path / "network.onnx", dynamo=name == "quantnas-rfdn")
    convolutions = [module for module in float_network.modules() if isinstance(module, nn.Conv2d)]
    assert len(model.get_nodes_by_op_type("Conv")) == len(convolutions)

    def widths_of(weights):
        return next(candidate.widths for path, candidate in chosen.items() if weights.startswith(f"{path}.operation."))

    ours = count_found(space, SCALE, chosen, Quantizer.of("lsq"))
    assert qonnx_bitops(model, widths_of) == total("bitops", ours)
