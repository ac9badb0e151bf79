import pytest
import torch
from hypothesis import given, strategies as st

from qnas.core.components import ConvShape, FakeQuantizer, Grid, Quantizer
from qnas.core.deploy.integers import IntegerActivation, IntegerConv2d, IntegerGrid
from qnas.core.errors import InputError
from qnas.core.network.convolution import QuantizedActivation, QuantizedConv2d
from qnas.core.registry import plugins
from qnas.core.settings import Widths

TRAINING = [
    entry.name
    for entry in plugins().registries["quantizer"]
    if "train" in (quantizer := Quantizer.of(entry.name)).stages and not quantizer.is_float
]
SHAPE = ConvShape(3, 4, (3, 3), 1, (1, 1), (1, 1), 1, True)
widths = st.sampled_from([2, 3, 4, 5, 6, 8, 12, 16])


def of_whole_steps(name: str) -> Quantizer:
    """The quantizer, whose grids have a level at zero."""
    return Quantizer.of({"name": name, "offset": "whole-steps"} if name == "lsq+" else name)


@pytest.mark.parametrize("name", TRAINING)
@given(bits=widths, seed=st.integers(0, 2**31))
def test_a_convolution_with_integers_is_the_fake_quantized_one(name: str, bits: int, seed: int) -> None:
    torch.manual_seed(seed)
    layer = QuantizedConv2d(of_whole_steps(name), Widths(bits, bits), SHAPE).eval()
    torch.nn.init.normal_(layer.bias)
    integer, features = IntegerConv2d(layer), torch.rand(1, 3, 5, 6)
    smallest, largest, container = integer.grid
    assert integer.weight.dtype == container
    assert smallest <= int(integer.weight.min()) and int(integer.weight.max()) <= largest
    assert largest - smallest < 2**bits
    with torch.no_grad():
        torch.testing.assert_close(integer(features), layer(features))


@pytest.mark.parametrize("name", TRAINING)
@given(bits=widths, signed=st.booleans(), seed=st.integers(0, 2**31))
def test_an_activation_with_integers_is_the_fake_quantized_one(name: str, bits: int, signed: bool, seed: int) -> None:
    torch.manual_seed(seed)
    features = torch.randn(1, 3, 5, 6)
    layer = QuantizedActivation("none" if signed else "relu", of_whole_steps(name), bits, signed).eval()
    layer.quantizer.observe(layer.activation(features))
    with torch.no_grad():
        ours, theirs = IntegerActivation(layer)(2 * features), layer(2 * features)
        grid = layer.quantizer.grid()
        steps = (layer.quantizer.normalise(layer.activation(2 * features)) - grid.offset) / grid.step
        near_tie = ((steps - steps.floor()) - 0.5).abs() < 1e-2  # PyTorch multiplies by the inverse of the step there
        torch.testing.assert_close(ours.where(~near_tie, theirs), theirs)
        assert bool(((ours - theirs).abs() <= 1.01 * grid.step).all())


class Fixed(FakeQuantizer):
    """A quantizer with a grid that it was given."""

    def __init__(self, grid: Grid) -> None:
        super().__init__()
        self.fixed = grid

    def forward(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor

    def grid(self) -> Grid:
        return self.fixed


@pytest.mark.parametrize(
    ("smallest", "largest", "container"),
    [
        (0, 255, torch.uint8),
        (0, 3, torch.uint8),
        (-128, 127, torch.int8),
        (-1, 1, torch.int8),
        (-129, 127, torch.int16),
        (0, 256, torch.uint16),
        (-(2**15), 2**15 - 1, torch.int16),
    ],
)
def test_the_container_is_the_smallest_that_holds_the_grid(smallest: int, largest: int, container: torch.dtype) -> None:
    assert IntegerGrid.of(Fixed(Grid(torch.tensor(0.5), smallest, largest))).container == container


@pytest.mark.parametrize(
    ("grid", "reason"),
    [
        (Grid(torch.tensor(0.5), 0, 15, 0.2), "offset is not a whole number of steps"),
        (Grid(torch.tensor(0.5), -(2**16), 2**16), "no type of at most 16 bits"),
    ],
)
def test_a_grid_without_an_integer_form_is_refused(grid: Grid, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        IntegerGrid.of(Fixed(grid))


def test_an_offset_of_whole_steps_is_a_zero_point() -> None:
    grid = IntegerGrid.of(Fixed(Grid(torch.tensor(0.5), 0, 15, torch.tensor(-1.5))))
    assert grid.zero_point == 3


def test_what_has_no_grid_is_refused() -> None:
    with pytest.raises(InputError, match="no integer grid"):
        IntegerGrid.of(Quantizer.of("noise").fake_quantizer(4, signed=True))


def test_an_activation_with_a_step_for_each_channel_is_refused() -> None:
    layer = QuantizedActivation("relu", Quantizer.of("lsq"), 4, signed=False)
    layer.quantizer = Fixed(Grid(torch.ones(3), 0, 15))
    with pytest.raises(InputError, match="several steps"):
        IntegerActivation(layer)
