"""What fake quantizers with an integer grid must do."""

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor

from qnas.core.components import FakeQuantizer, Grid, Quantizer, WeightedSum
from qnas.core.network.calibration import calibrate
from qnas.core.training.optimizer import adam
from qnas.testing.failure import told_as

_CHANNELS = 4
TENSORS = ((False, None), (True, None), (True, _CHANNELS))  # signed, and the output channels of weights
_SIZES = (1e-3, 1.0, 40.0)
_BITS = (2, 3, 4, 8, 16)
_ROUNDING = 2.0**-20  # the error of a few operations in float32


@dataclass(frozen=True)
class Case:
    """A fake quantizer to make, and tensors for it.

    Attributes:
        bits: The bit-width.
        signed: Whether tensors have negative values.
        channels: The output channels, for weights.
        size: The standard deviation of the values.
        seed: Seed of the values.
    """

    bits: int
    signed: bool
    channels: int | None
    size: float
    seed: int

    def __str__(self) -> str:
        of = "activations" if self.channels is None else "weights"
        return f"for {'signed' if self.signed else 'unsigned'} {of} around {self.size:g} at {self.bits} bits"

    def tensor(self) -> Tensor:
        """(4, 5, 3, 3)."""
        values = torch.randn(_CHANNELS, 5, 3, 3, generator=torch.Generator().manual_seed(self.seed)) * self.size
        return values if self.signed else values.relu()

    def make(self, quantizer: Quantizer) -> FakeQuantizer:
        """The fake quantizer, in evaluation."""
        made: object = quantizer.fake_quantizer(self.bits, signed=self.signed, channels=self.channels)
        assert isinstance(made, FakeQuantizer), f"it makes a {type(made).__name__}, not a FakeQuantizer"
        return made.eval()

    def observed(self, quantizer: Quantizer) -> FakeQuantizer:
        """The fake quantizer, set up for :meth:`tensor`."""
        made = self.make(quantizer)
        made.observe(self.tensor())
        return made

    def restored(self, quantizer: Quantizer, made: FakeQuantizer) -> FakeQuantizer:
        """A fake quantizer with the state of another."""
        other = self.make(quantizer)
        other.load_state_dict(made.state_dict())
        return other


def check_grids(quantizer: Quantizer, seed: int) -> None:
    """Its output lies on the grid that it reports, at every width and for all kinds of tensors."""
    for bits, (signed, channels), size in itertools.product(_BITS, TENSORS, _SIZES):
        case = Case(bits, signed, channels, size, seed)
        with told_as(str(case)), torch.no_grad():
            made = case.observed(quantizer)
            _check_grid(made.grid(), case)
            _check_zeros(made)
            _check_values(made, case)
            _check_order(made, case)
            with told_as("after its state was saved and restored"):
                _assert_on_grid(made(case.tensor()), case.restored(quantizer, made).grid())
    _check_channels(quantizer, seed)
    _check_sum(quantizer, seed)
    _check_edges(quantizer)


def _check_grid(grid: Grid, case: Case) -> None:
    wanted = 1 if case.channels is None else case.channels
    shape = tuple(grid.step.shape)
    assert grid.step.numel() == wanted and (case.channels is None or shape == (wanted, 1, 1, 1)), (
        f"its grid has steps of shape {shape}: activations need a single step, weights (C_out, 1, 1, 1)"
    )
    assert (grid.step > 0).all() and grid.step.isfinite().all(), "its grid has a step that is not positive"
    levels = grid.q_max - grid.q_min + 1
    assert 2 <= levels <= 2**case.bits, f"its grid has {levels} levels, {grid.q_min} to {grid.q_max}"
    offset = torch.as_tensor(grid.offset)
    assert case.channels is None or not offset.any(), "its grid for weights has an offset, which weights can't have"
    assert offset.numel() == 1 and offset.isfinite().all(), "the offset of its grid is not one finite number"


def _check_values(made: FakeQuantizer, case: Case) -> None:
    tensor = 2 * case.tensor()  # some of it beyond the grid
    values, rounded = made(tensor), made.normalise(tensor)
    _assert_on_grid(values, made.grid())
    step, q_min, q_max, offset = made.grid()
    nearest = rounded.clamp(step * q_min + offset, step * q_max + offset)
    error = ((values - nearest).abs() / step).max().item()
    assert error <= 0.5 + _slack(made.grid()), f"it moves a value by {error:.3g} steps: the nearest level is closer"
    for dtype in (torch.float32, torch.bfloat16):
        left = made(tensor.to(dtype))
        count = max(len(part.unique()) for part in (left if case.channels else [left]))
        assert count <= 2**case.bits, f"its output has {count} different values in {dtype}, more than 2^{case.bits}"
    if torch.equal(rounded, tensor):  # otherwise values on the grid would be normalized again
        assert torch.equal(made(values), values), "quantizing twice does not give the same as quantizing once"


def _assert_on_grid(values: Tensor, grid: Grid) -> None:
    steps = (values - grid.offset) / grid.step
    off = (steps - steps.round()).abs().max().item()
    assert off <= _slack(grid), f"a value lies {off:.3g} steps off the grid that it reports"
    low, high = steps.round().min().item(), steps.round().max().item()
    assert grid.q_min <= low and high <= grid.q_max, (
        f"values lie at the levels {low:g} to {high:g} of a grid that has {grid.q_min} to {grid.q_max}"
    )


def _slack(grid: Grid) -> float:
    """The rounding error of float32, in steps."""
    reach = max(-grid.q_min, grid.q_max) + (torch.as_tensor(grid.offset) / grid.step).abs().max().item()
    return _ROUNDING * reach


def _check_zeros(made: FakeQuantizer) -> None:
    """Zeros, which convolutions pad with, stay zero unless the offset leaves no level at zero."""
    grid = made.grid()
    level = -torch.as_tensor(grid.offset) / grid.step
    is_inside = grid.q_min <= level.round().min() <= grid.q_max and (level - level.round()).abs().max() <= _slack(grid)
    is_level = is_inside or not level.any()
    values = made(torch.zeros(_CHANNELS, 1, 3, 3)) / grid.step
    assert not is_level or values.abs().max() <= 2 * _slack(grid), "zeros do not stay zero"


def _check_order(made: FakeQuantizer, case: Case) -> None:
    rising = torch.linspace(-4, 4, 501)[:, None, None].mul(case.size).expand(_CHANNELS, -1, 1, 1)
    assert (made(rising).diff(dim=1) >= 0).all(), "it changes the order of two values"


def _check_channels(quantizer: Quantizer, seed: int) -> None:
    """Every output channel of weights is quantized independently of the others."""
    sizes = torch.tensor([1e-2, 1.0, 5.0]).view(3, 1, 1, 1)
    weights = torch.randn(3, 2, 3, 3, generator=torch.Generator().manual_seed(seed)) * sizes
    together = _of_weights(quantizer, weights)
    for index in range(3):
        channel = weights[index : index + 1]
        alone = _of_weights(quantizer, channel)
        is_same = torch.allclose(together(weights)[index], alone(channel)[0], rtol=1e-4, atol=0)
        assert is_same, "the quantization of an output channel depends on others: each channel needs its own step"


def _of_weights(quantizer: Quantizer, weights: Tensor) -> FakeQuantizer:
    made = quantizer.fake_quantizer(4, signed=True, channels=len(weights)).eval()
    made.observe(weights)
    return made


def _check_sum(quantizer: Quantizer, seed: int) -> None:
    """The plain mixture is the weighted sum of its widths."""
    bits, probabilities = (2, 4), torch.tensor([0.25, 0.75])
    mixture = quantizer.mixture(bits, signed=True).eval()
    if not isinstance(mixture, WeightedSum):
        return
    tensor = Case(4, True, None, 1.0, seed).tensor()
    calibrate(mixture, lambda: mixture(tensor, probabilities))
    singles = [Case(b, True, None, 1.0, seed).observed(quantizer)(tensor) for b in bits]
    expected = probabilities[0] * singles[0] + probabilities[1] * singles[1]
    is_same = torch.allclose(mixture(tensor, probabilities), expected, atol=1e-6)
    assert is_same, "its mixture is not the sum of its widths, each weighted by its probability"


_RANDOM = torch.Generator().manual_seed(0)
_EDGES = {
    "zeros": torch.zeros(3, 2, 3, 3),
    "one positive value": torch.full((3, 2, 3, 3), 0.7),
    "one negative value": torch.full((3, 2, 3, 3), -0.7),
    "negative values": -torch.rand(3, 2, 3, 3, generator=_RANDOM) - 0.1,
    "tiny values": torch.linspace(-1e-30, 1e-30, 54).view(3, 2, 3, 3),
    "an outlier": torch.randn(54, generator=_RANDOM).index_fill(0, torch.tensor(5), 1e6).view(3, 2, 3, 3),
    "a weight a channel": torch.tensor([0.5, -0.5, 0.0]).view(3, 1, 1, 1),
}


def _check_edges(quantizer: Quantizer) -> None:
    """Whatever it observes, values lie on the grid and it can be trained."""
    for (name, tensor), bits, (signed, channels) in itertools.product(_EDGES.items(), (2, 16), TENSORS):
        of = "activations" if channels is None else "weights"
        with told_as(f"for {'signed' if signed else 'unsigned'} {of} ({name}) at {bits} bits"):
            made = quantizer.fake_quantizer(bits, signed=signed, channels=channels and len(tensor))
            _check_edge(made.train(), tensor)


def _check_edge(made: FakeQuantizer, tensor: Tensor) -> None:
    given = tensor.clone().requires_grad_()
    made.observe(tensor)
    (made(given) - 0.3).abs().sum().backward()
    assert given.grad is not None and given.grad.isfinite().all(), "the gradient is not finite"
    adam(made, 1e-3).step()
    is_finite = all(value.isfinite().all() for value in made.state_dict().values())
    assert is_finite, "its state is not finite after a step of training"
    with torch.no_grad():
        grid = made.eval().grid()
        assert (grid.step > 0).all(), "its grid has a step that is not positive"
        _assert_on_grid(made(tensor), grid)
