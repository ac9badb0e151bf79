"""The files of ``qonnx``: their bit-widths, and their BitOps by qonnx's own count."""

from pathlib import Path

import onnx
import pytest
import torch
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.util.inference_cost import inference_cost
from torch import Tensor, nn

from qnas.core.components import Quantizer, Target
from qnas.core.deploy.integers import FORM
from qnas.core.deploy.lowering import capture
from qnas.core.errors import InputError
from qnas.core.network import count_found
from qnas.testing.small_network import SmallNetwork

from ...totals import total
from .conftest import SIZE, Exported

MIXED = SmallNetwork.MIXED


def quantizers(model: ModelWrapper) -> list[tuple[int, int, float]]:
    """The bits, signedness and zero point of every ``Quant`` node."""
    nodes = [(node, {each.name: each.i for each in node.attribute}) for node in model.get_nodes_by_op_type("Quant")]
    read = model.get_initializer
    return [(int(read(node.input[3])), stated["signed"], float(read(node.input[2]))) for node, stated in nodes]


def test_every_tensor_has_the_bit_width_that_was_chosen(exported: Exported) -> None:
    path = exported("qonnx", MIXED)
    onnx.checker.check_model(onnx.load(path))
    model = ModelWrapper(str(path))
    assert (model.graph.input[0].name, model.graph.output[0].name) == ("lr", "sr")
    assert model.get_tensor_shape("lr") == [1, 3, *SIZE]
    found = quantizers(model)
    chosen = [candidate.widths for candidate in MIXED.chosen().values()]
    assert sorted(bits for bits, _, _ in found) == sorted(bits for widths in chosen for bits in widths)
    assert {zero_point for _, _, zero_point in found} == {0.0}
    assert not [node.op_type for node in model.graph.node if node.op_type in ("QuantizeLinear", "Clip", "Identity")]


def test_its_bitops_are_those_of_qonnx(exported: Exported) -> None:
    model = ModelWrapper(str(exported("qonnx", MIXED)))
    theirs = inference_cost(model, discount_sparsity=False)["total_cost"]["total_bops"]
    assert theirs == total("bitops", count_found(MIXED.space, MIXED.scale, MIXED.chosen(), Quantizer.of("lsq"), SIZE))


class Rounded(nn.Module):
    """Its output is on a grid."""

    def __init__(self, smallest: int, largest: int) -> None:
        super().__init__()
        self.grid = (0.1, 0, smallest, largest, torch.int8)

    def forward(self, image: Tensor) -> Tensor:
        rounded: Tensor = FORM.dequantize_per_tensor(FORM.quantize_per_tensor(image, *self.grid), *self.grid)
        return rounded


@pytest.mark.parametrize(("smallest", "largest"), [(0, 14), (-8, 6), (-3, 4)])
def test_a_grid_of_no_bit_width_is_refused(smallest: int, largest: int, tmp_path: Path) -> None:
    program = capture(Rounded(smallest, largest), (8, 8))
    with pytest.raises(InputError, match=f"^QONNX has no bit-width whose integers are {smallest} to {largest}$"):
        Target.of("qonnx").write(program, tmp_path / "rounded.onnx")


def test_a_narrow_grid_is_one_of_a_bit_width(tmp_path: Path) -> None:
    path = tmp_path / "rounded.onnx"
    Target.of("qonnx").write(capture(Rounded(-7, 7), (8, 8)), path)
    (node,) = ModelWrapper(str(path)).get_nodes_by_op_type("Quant")
    assert {each.name: each.i for each in node.attribute} == {"narrow": 1, "signed": 1, "rounding_mode": 0}
    lr = torch.linspace(-1, 1, 192).view(1, 3, 8, 8)
    assert torch.equal(torch.from_numpy(Target.of("qonnx").load(path)(lr.numpy())), Rounded(-7, 7)(lr))


class Twice(nn.Module):
    """It reads the same tensor twice, as what measures a deviation does."""

    def __init__(self) -> None:
        super().__init__()
        self.rounded = Rounded(-8, 7)

    def forward(self, image: Tensor) -> Tensor:
        rounded = self.rounded(image)
        return torch.cat([rounded, rounded * rounded, rounded], 1)


def test_a_tensor_may_be_read_twice_by_one_operator(tmp_path: Path) -> None:
    path, lr = tmp_path / "twice.onnx", torch.linspace(-1, 1, 192).view(1, 3, 8, 8)
    Target.of("qonnx").write(capture(Twice(), (8, 8)), path)
    assert torch.equal(torch.from_numpy(Target.of("qonnx").load(path)(lr.numpy())), Twice()(lr))
