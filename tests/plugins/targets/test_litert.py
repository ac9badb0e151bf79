"""The files of ``litert``: each operator beside PyTorch's, what is on integers, and who can run them."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from torch import Tensor, nn

from qnas.core.components import Target
from qnas.core.deploy.integers import FORM
from qnas.core.deploy.lowering import capture
from qnas.core.errors import InputError
from qnas.testing.small_network import SmallNetwork

from .conftest import SIZE, Exported

RUN_ALONE = """\
import sys
import numpy
from ai_edge_litert.interpreter import Interpreter
enlarge = Interpreter(sys.argv[1]).get_signature_runner()
numpy.save(sys.argv[3], enlarge(lr=numpy.load(sys.argv[2]))["sr"])
assert not {"torch", "qnas", "tensorflow"} & set(sys.modules)
"""
KINDS = {code: kind for kind, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
SIDES = (13, 17)
NARROW = [(0, 255), (-128, 127), (0, 15), (-8, 7), (-7, 7), (0, 3), (-2, 1)]
CONVOLUTIONS: dict[str, dict[str, Any]] = {
    "plain": {"kernel_size": 3, "padding": 1},
    "without a bias": {"kernel_size": 3, "padding": 1, "bias": False},
    "not padded": {"kernel_size": 3},
    "with a stride": {"kernel_size": 3, "stride": 2, "padding": 1},
    "factorized": {"kernel_size": (1, 5), "padding": (0, 2)},
    "padded on one axis": {"kernel_size": 3, "padding": (2, 0)},
    "dilated": {"kernel_size": 3, "padding": 2, "dilation": 2},
    "grouped": {"kernel_size": 3, "padding": 1, "groups": 2},
    "depthwise": {"kernel_size": 5, "padding": 2, "groups": 6},
    "depthwise and dilated": {"kernel_size": 3, "padding": 2, "dilation": 2, "groups": 6},
}
OPERATORS: dict[str, Callable[[Tensor], Tensor]] = {
    "zeros around": lambda x: F.pad(x, (1, 2, 3, 4)),
    "the last pixels around": lambda x: F.pad(x, (1, 2, 3, 0), mode="replicate"),
    "mirrored": lambda x: F.pad(x, (1, 2, 3, 4), mode="reflect"),
    "bilinear": lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"),
    "bilinear to a size": lambda x: F.interpolate(F.max_pool2d(x, 5, 3), SIDES, mode="bilinear", align_corners=False),
    "bilinear with corners": lambda x: F.interpolate(x, (30, 40), mode="bilinear", align_corners=True),
    "nearest": lambda x: F.interpolate(x, scale_factor=3),
    "shuffled": lambda x: F.pixel_shuffle(torch.cat([x, x * 2, x.tanh(), x - 1], 1), 2),
    "repeated": lambda x: x.repeat(1, 3, 1, 2),
    "cut": lambda x: x[:, -2:, 1:9, :-3] - x[:, :1, 2:10, 3:],
    "split": lambda x: torch.cat(list(reversed(x.split([1, 2], 1))), 1) + torch.cat(x.chunk(3, 1), 1),
    "statistics": lambda x: sum(torch.std_mean(x, (2, 3), correction=0, keepdim=True)) * x,  # type: ignore[return-value]
    "deviation": lambda x: torch.linalg.vector_norm(x - x.mean((1, 2, 3), keepdim=True), dim=(1, 2, 3), keepdim=True),
    "pooled": lambda x: F.adaptive_avg_pool2d(x, 1) / (x + 1),
    "curves": lambda x: F.silu(x) + x.sigmoid() * x.exp() - (x + 1).log().sqrt() + x.square(),
    "rectified": lambda x: F.relu(x - 0.5) + F.leaky_relu(x - 0.3, 0.2),
    "in its own place": lambda x: F.leaky_relu(F.relu(x - 0.2, inplace=True) - 0.3, inplace=True),
    "steeper below zero": lambda x: F.prelu(x - 0.5, torch.tensor([0.1, 1.5, -0.3])),
    "batch norm": nn.BatchNorm2d(3).eval(),
    "added product": lambda x: torch.addcmul(x, x, x),
}


class Called(nn.Module):
    """A function as a network."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, image: Tensor) -> Tensor:
        return self.function(image)


class Rounded(nn.Module):
    """What it gets, on a grid."""

    def __init__(
        self, step: float, smallest: int = -128, largest: int = 127, zero_point: int = 0, container: Any = None
    ) -> None:
        super().__init__()
        container = container or (torch.int8 if smallest < 0 else torch.uint8)
        self.grid = (step, zero_point, smallest, largest, container)

    def forward(self, features: Tensor) -> Tensor:
        rounded: Tensor = FORM.dequantize_per_tensor(FORM.quantize_per_tensor(features, *self.grid), *self.grid)
        return rounded


class Convolved(nn.Module):
    """A convolution with integers for weights and bias, of an input whose step is known."""

    weight: Tensor
    bias: Tensor
    scales: Tensor
    zeros: Tensor

    def __init__(self, given: int, gives: int, step: float, width: float = 0.01, **fields: Any) -> None:
        super().__init__()
        draw = torch.Generator().manual_seed(0)
        self.convolution = nn.Conv2d(given, gives, **fields).requires_grad_(False)
        self.register_buffer("weight", torch.randint(-128, 128, self.convolution.weight.shape, generator=draw).char())
        self.register_buffer("bias", torch.randint(-500, 500, (gives,), generator=draw, dtype=torch.int32))
        self.register_buffer("scales", width * (0.5 + torch.rand(gives, generator=draw)))
        self.register_buffer("bias_scales", self.scales * step)
        self.register_buffer("zeros", torch.zeros(gives, dtype=torch.int64))

    def forward(self, features: Tensor) -> Tensor:
        weight = FORM.dequantize_per_channel(self.weight, self.scales, self.zeros, 0, -128, 127, torch.int8)
        bias = None
        if self.convolution.bias is not None:
            limits = torch.iinfo(torch.int32)
            grid = (limits.min, limits.max, torch.int32)
            bias = FORM.dequantize_per_channel(self.bias, self.bias_scales, self.zeros, 0, *grid)
        convolved: Tensor = self.convolution._conv_forward(features, weight, bias)
        return convolved


def images(amount: int = 1) -> Tensor:
    return torch.rand(amount, 3, *SIDES, generator=torch.Generator().manual_seed(1))


def written(network: nn.Module, path: Path) -> Path:
    Target.of("litert").write(capture(network.eval(), SIDES), path)
    return path


def both(network: nn.Module, folder: Path) -> tuple[Tensor, Tensor]:
    """What a network gives in PyTorch, and in LiteRT."""
    file = written(network, folder / "network.tflite")
    with torch.no_grad():
        ours: Tensor = network(images())
    return ours, torch.from_numpy(Target.of("litert").load(file)(images().numpy()))


def assert_same_integers(network: nn.Module, step: float, folder: Path) -> None:
    """Assert that a network that ends in a quantizer gives the same integers, but for a few ties."""
    ours, theirs = both(network, folder)
    assert len(ours.unique()) > 1
    apart = ((ours - theirs) / step).abs().round()
    assert apart.max() <= 1
    assert apart.count_nonzero() <= 1e-3 * apart.numel()


def operators(path: Path) -> list[tuple[str, list[str]]]:
    """Each operator of a file, and the types of its tensors: of what it takes, and at the end of what it gives."""
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes())
    (graph,) = model.subgraphs
    types = {schema.TensorType.INT8: "int8", schema.TensorType.INT32: "int32", schema.TensorType.FLOAT32: "float32"}
    return [
        (
            KINDS[model.operatorCodes[operator.opcodeIndex].builtinCode],
            [types[graph.tensors[place].type] for place in (*operator.inputs, *operator.outputs)],
        )
        for operator in graph.operators
    ]


def convolutions(path: Path) -> list[list[str]]:
    return [types for kind, types in operators(path) if kind == "CONV_2D"]


@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_gives_what_it_gives_in_pytorch(name: str, tmp_path: Path) -> None:
    torch.testing.assert_close(*both(Called(OPERATORS[name]), tmp_path), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_a_convolution_on_integers_gives_the_same_integers(name: str, tmp_path: Path) -> None:
    first = Convolved(3, 6, 1 / 255, kernel_size=1)
    second = Convolved(6, 12, 0.03, **CONVOLUTIONS[name])
    network = nn.Sequential(Rounded(1 / 255, 0, 255), first, Rounded(0.03), second, Rounded(0.2))
    assert_same_integers(network, 0.2, tmp_path)
    kinds = [kind for kind, _ in operators(tmp_path / "network.tflite")]
    assert set(kinds) <= {"QUANTIZE", "CONV_2D", "DEPTHWISE_CONV_2D", "PAD", "DEQUANTIZE"}
    assert kinds.count("QUANTIZE") == kinds.count("DEQUANTIZE") == 1


@pytest.mark.parametrize("rectifier", [nn.Identity(), nn.ReLU(), nn.LeakyReLU(0.1), nn.PReLU(6, 0.3)], ids=str)
@pytest.mark.parametrize(("smallest", "largest"), NARROW)
def test_a_narrow_grid_is_clipped_on_the_integers(
    smallest: int, largest: int, rectifier: nn.Module, tmp_path: Path
) -> None:
    step = 6.2347 / (largest - smallest)
    ends = [Convolved(3, 6, 1 / 255, kernel_size=3), Rounded(0.0301), rectifier, Rounded(step, smallest, largest)]
    assert_same_integers(nn.Sequential(Rounded(1 / 255, 0, 255), *ends), step, tmp_path)
    assert {types[-1] for _, types in operators(tmp_path / "network.tflite")[:-1]} == {"int8"}


def test_a_grid_may_have_any_zero_point(tmp_path: Path) -> None:
    start = Rounded(1 / 200, 0, 255, zero_point=40)
    network = nn.Sequential(start, Convolved(3, 4, 1 / 200, kernel_size=3, padding=1), Rounded(0.1, -8, 7, -3))
    assert_same_integers(network, 0.1, tmp_path)


class Joined(nn.Module):
    """A concatenation of a sum and its parts, which are on grids of their own, rectified and rounded."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = Rounded(1 / 255, 0, 255), Rounded(0.0203)
        self.total, self.end = Rounded(0.0137), Rounded(0.0491, 0, 31)

    def forward(self, image: Tensor) -> Tensor:
        one, other = self.one(image), self.other(image - 0.7)
        joined: Tensor = self.end(F.relu(torch.cat([one, self.total(one + other), other], 1)))
        return F.pixel_shuffle(torch.cat([joined, joined[:, :3]], 1), 2)


def test_sums_and_concatenations_stay_on_integers(tmp_path: Path) -> None:
    assert_same_integers(Joined(), 0.0491, tmp_path)
    kinds = [kind for kind, _ in operators(tmp_path / "network.tflite")]
    assert kinds[-5:] == ["SLICE", "CONCATENATION", "GATHER", "DEPTH_TO_SPACE", "DEQUANTIZE"]
    assert kinds.count("DEQUANTIZE") == 1


@pytest.mark.parametrize("end", [Rounded(0.2), nn.Sequential(nn.ReLU(), Rounded(0.2, 0, 15))], ids=["8 bits", "4 bits"])
def test_a_pixel_shuffle_finds_its_channels_in_order(end: nn.Module, tmp_path: Path) -> None:
    shuffled = Convolved(3, 27, 1 / 255, kernel_size=3, padding=1)
    assert_same_integers(nn.Sequential(Rounded(1 / 255, 0, 255), shuffled, end, nn.PixelShuffle(3)), 0.2, tmp_path)
    assert "GATHER" not in dict(operators(tmp_path / "network.tflite"))


def test_channels_of_groups_are_put_in_order_behind_their_convolution(tmp_path: Path) -> None:
    step, end = 0.05, nn.Sequential(Rounded(0.2), nn.PixelShuffle(2))
    shuffled = Convolved(6, 24, step, kernel_size=3, groups=2)
    features = nn.Sequential(Rounded(1 / 255, 0, 255), Convolved(3, 6, 1 / 255, kernel_size=1), Rounded(step))
    assert_same_integers(nn.Sequential(features, shuffled, end), 0.2, tmp_path)


@pytest.mark.parametrize("end", [nn.Tanh(), Rounded(1e-4)], ids=["floats behind", "steps too far apart"])
def test_a_convolution_in_float_has_its_weights_in_int8(end: nn.Module, tmp_path: Path) -> None:
    network = nn.Sequential(Rounded(1 / 255, 0, 255), Convolved(3, 3, 1 / 255, width=10, kernel_size=3), end)
    torch.testing.assert_close(*both(network, tmp_path), atol=1e-4, rtol=1e-5)
    found = operators(tmp_path / "network.tflite")
    assert ("DEQUANTIZE", ["int8", "float32"]) in found
    assert convolutions(tmp_path / "network.tflite") == [["float32"] * 4]


def test_every_slot_computes_on_integers(exported: Exported) -> None:
    found = convolutions(exported("litert", SmallNetwork.MIXED))
    assert found == [["int8", "int8", "int32", "int8"]] * len(SmallNetwork.MIXED.chosen())


def test_a_file_is_as_large_as_its_weights_in_int8(tmp_path: Path) -> None:
    network = nn.Sequential(Rounded(1 / 255, 0, 255), Convolved(3, 999, 1 / 255, kernel_size=7), Rounded(0.2))
    weights = 999 * 3 * 7 * 7
    assert weights < written(network, tmp_path / "network.tflite").stat().st_size < 1.2 * weights


def test_a_file_does_not_grow_with_its_images(exported: Exported, tmp_path: Path) -> None:
    network, large = SmallNetwork.UNIFORM, tmp_path / "large.tflite"
    Target.of("litert").write(network.lowered((120, 140), 8).program, large)
    sides_more = (120 + 140 - sum(SIZE)) * network.scale
    grown = large.stat().st_size - exported("litert", network).stat().st_size
    assert grown <= 4 * sides_more + 64  # the weight of each row and column of what is enlarged, and rounding up


def test_a_file_is_run_by_a_program_without_qnas_and_torch(exported: Exported, tmp_path: Path) -> None:
    lr = np.random.default_rng(0).random((1, *SIZE, 3), dtype=np.float32)
    np.save(tmp_path / "lr.npy", lr)
    file = exported("litert", SmallNetwork.MIXED)
    command = [sys.executable, "-c", RUN_ALONE, file, tmp_path / "lr.npy", tmp_path / "sr.npy"]
    done = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    theirs = np.load(tmp_path / "sr.npy").transpose(0, 3, 1, 2)
    with torch.no_grad():
        ours = SmallNetwork.MIXED.network(8)(torch.from_numpy(lr).permute(0, 3, 1, 2)).numpy()
    assert np.mean(np.abs(theirs - ours) < 0.5 / 255) > 0.999


def test_kernels_that_round_twice_find_sums_that_are_large_enough(tmp_path: Path) -> None:
    """TensorFlow Lite's own kernels; with weights of 2 bits as they are, more integers would be off."""
    convolved = Convolved(3, 64, 1 / 255, width=0.3, kernel_size=3)
    convolved.weight.remainder_(4).sub_(2)
    network = nn.Sequential(Rounded(1 / 255, 0, 255), convolved, Rounded(0.0517))
    file = written(network, tmp_path / "network.tflite")
    plain = Interpreter(str(file), experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
    plain.allocate_tensors()
    plain.set_tensor(plain.get_input_details()[0]["index"], images().permute(0, 2, 3, 1).numpy())
    plain.invoke()
    theirs = torch.from_numpy(plain.get_tensor(plain.get_output_details()[0]["index"])).permute(0, 3, 1, 2)
    apart = ((network(images()) - theirs) / 0.0517).abs().round()
    assert apart.max() <= 1
    assert apart.count_nonzero() < 0.003 * apart.numel()


class Sorted(nn.Module):
    """Has what LiteRT can't do, in a part."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.part = Called(function)

    def forward(self, image: Tensor) -> Tensor:
        result: Tensor = self.part(image)
        return result


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (lambda x: x.cumsum(1), "aten.cumsum.default"),
        (lambda x: F.pad(x, (1, 1), value=1.0), "aten.pad.default"),
        (lambda x: F.interpolate(x, scale_factor=1.3), "aten.upsample_nearest2d.vec"),
        (lambda x: F.max_pool2d(x, 3, padding=1), "aten.max_pool2d.default"),
        (lambda x: torch.add(x, x, alpha=2), "aten.add.Tensor"),
        (lambda x: x.mean((1, 2, 3)), "aten.mean.dim"),
        (lambda x: x.half().float(), "aten.to.dtype"),
    ],
)
def test_what_it_has_no_operator_for_is_named(function: Callable[[Tensor], Tensor], name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as refusal:
        written(Sorted(function), tmp_path / "network.tflite")
    assert str(refusal.value) == f"LiteRT can't run {name} in 'part': there is no operator for what it does there"
    assert list(tmp_path.iterdir()) == []


def test_more_than_8_bits_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^LiteRT has at most 8 bits, .*, but a grid is -300 to 300$"):
        written(Rounded(0.1, -300, 300, container=torch.int16), tmp_path / "network.tflite")
