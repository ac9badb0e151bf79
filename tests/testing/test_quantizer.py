"""The contract of quantizers: each way to break it is reported."""

from typing import Any, ClassVar

import pytest
import torch

from qnas.core.components import FakeQuantizer, Grid, Quantizer, WeightedSum, integer_range
from qnas.testing import check_quantizer


class Fake(FakeQuantizer):
    """Meets the contract; most others break one thing."""

    def __init__(self, bits: int, signed: bool, channels: int | None) -> None:
        super().__init__()
        self.q_min, self.q_max = integer_range(bits, signed)
        self.register_buffer("step", torch.full(() if channels is None else (channels, 1, 1, 1), 0.1))

    def observe(self, tensor):
        self.step.copy_(self.first(tensor).expand_as(self.step).clamp_min(1e-8))

    def first(self, tensor):
        of = tensor.flatten(1).abs().amax(1).view_as(self.step) if self.step.dim() else tensor.abs().amax()
        return of / self.q_max

    def forward(self, tensor):
        step = self.step.to(tensor.dtype)
        values = self.round(tensor, step)
        passed = tensor.clamp(step * self.q_min, step * self.q_max)
        return values.detach() + (passed - passed.detach())

    def round(self, tensor, step):
        return (tensor / step).round().clamp(self.q_min, self.q_max) * step

    def grid(self):
        return Grid(self.step, self.q_min, self.q_max)


class Plain(Quantizer):
    """Makes a given kind of fake quantizer."""

    fake: ClassVar[type[FakeQuantizer]] = Fake

    def fake_quantizer(self, bits, *, signed, channels=None):
        return self.fake(bits, signed, channels)


def of(fake: type[FakeQuantizer], /, **attributes: Any) -> type[Quantizer]:
    """A quantizer of these fake quantizers."""
    return type(fake.__name__, (Plain,), {"fake": fake, "__module__": __name__, **attributes})


class Squashed(Fake):
    """Meets the contract: it says what it does first."""

    def normalise(self, tensor):
        return tensor.tanh()

    def round(self, tensor, step):
        return super().round(tensor.tanh(), step)


class Shifted(Fake):
    """Meets the contract: half a step is added to activations, so that zero is no level."""

    steps = 0.5

    def offset(self):
        return self.steps * self.step if self.step.dim() == 0 else torch.zeros(())

    def round(self, tensor, step):
        offset = self.offset().to(tensor.dtype)
        return super().round(tensor - offset, step) + offset

    def grid(self):
        return Grid(self.step, self.q_min, self.q_max, self.offset())


class Noisy(Fake):
    """Meets the contract in the search: it has no grid."""

    def forward(self, tensor):
        return tensor + 0.1 * torch.randn_like(tensor) if self.training else tensor

    def grid(self):
        raise ValueError("there is none")


class Misreported(Fake):
    def grid(self):
        return Grid(1.1 * self.step, self.q_min, self.q_max)


class TooFine(Fake):
    def __init__(self, bits, signed, channels):
        super().__init__(bits + 1, signed, channels)


class TooMany(Fake):
    """It has more values than it reports."""

    def round(self, tensor, step):
        return (tensor / step).round().clamp(2 * self.q_min, 2 * self.q_max) * step


class Floored(Fake):
    def round(self, tensor, step):
        return (tensor / step).floor().clamp(self.q_min, self.q_max) * step


class Following(Fake):
    """Its step follows its input, even in evaluation."""

    def first(self, tensor):
        return 0.9 * super().first(tensor)

    def forward(self, tensor):
        with torch.no_grad():
            self.observe(tensor.float())
        return super().forward(tensor)


class Folded(Fake):
    """Unsigned values are taken without their sign."""

    def round(self, tensor, step):
        return super().round(tensor.abs() if self.q_min == 0 else tensor, step)


class Zeroless(Fake):
    def __init__(self, bits, signed, channels):
        super().__init__(bits, signed, channels)
        if not signed:
            self.q_min, self.q_max = 1, self.q_max + 1


class Stateless(Fake):
    def __init__(self, bits, signed, channels):
        super().__init__(bits, signed, channels)
        step = self.step
        del self.step
        self.step = step


class Remembered(Fake):
    """What it reports is not part of its state."""

    def __init__(self, bits, signed, channels):
        super().__init__(bits, signed, channels)
        self.last = Grid(self.step.clone(), self.q_min, self.q_max)

    def observe(self, tensor):
        super().observe(tensor)
        self.last = super().grid()

    def grid(self):
        return self.last


class PerTensor(Fake):
    def __init__(self, bits, signed, channels):
        super().__init__(bits, signed, None)


class Coupled(Fake):
    def first(self, tensor):
        return tensor.abs().amax() / self.q_max


class WholeSteps(Shifted):
    """Meets the contract: zero is another level."""

    steps = -1.0


class Bumped(WholeSteps):
    """Zero is a level, and zeros are moved to the next."""

    def round(self, tensor, step):
        return super().round(torch.where(tensor == 0, -step, tensor) if self.q_min else tensor, step)


class OffsetOfWeights(Shifted):
    def offset(self):
        return self.step / 2


class StepAtZero(Fake):
    def observe(self, tensor):
        self.step.copy_(self.first(tensor).expand_as(self.step))


class Waiting(Fake):
    def forward(self, tensor):
        return super().forward(tensor) if float(tensor.detach().sum()) else tensor


class Detached(Fake):
    def forward(self, tensor):
        return super().forward(tensor).detach()


class Stepped(Fake):
    """Plain rounding, without a gradient."""

    def forward(self, tensor):
        return self.round(tensor, self.step.to(tensor.dtype))


class Steep(Fake):
    def forward(self, tensor):
        return super().forward(tensor) + (tensor - tensor.detach()).abs().sqrt()


class Random(Fake):
    def round(self, tensor, step):
        return super().round(tensor + step * torch.rand_like(tensor), step)


class Ordered(Fake):
    """Another memory layout, other values."""

    def round(self, tensor, step):
        return super().round(tensor if tensor.is_contiguous() else -tensor, step)


class Float(Fake):
    def forward(self, tensor):
        return super().forward(tensor.float())


class Infinite(Fake):
    def round(self, tensor, step):
        return super().round(tensor, step) / 0


class HalfInfinite(Fake):
    def round(self, tensor, step):
        return super().round(tensor, step) / (tensor.dtype != torch.bfloat16)


class HalfRounded(Fake):
    def round(self, tensor, step):
        return tensor if tensor.dtype == torch.bfloat16 else super().round(tensor, step)


class Cast(Fake):
    """Fails where the training runs."""

    def round(self, tensor, step):
        return super().round(tensor, step) / (not torch.is_autocast_enabled("cpu"))


class Negative(Fake):
    def grid(self):
        return Grid(-self.step, self.q_min, self.q_max)


class Offsets(Fake):
    def grid(self):
        return Grid(self.step, self.q_min, self.q_max, torch.zeros(2))


class Spread(Fake):
    """The deviation of equal values has no gradient."""

    def forward(self, tensor):
        return super().forward(tensor) + 0 * tensor.var().sqrt()


class Diverging(Fake):
    """What it learns has no gradient where all values are equal."""

    def __init__(self, bits, signed, channels):
        super().__init__(bits, signed, channels)
        self.gain = torch.nn.Parameter(torch.ones(1))

    def forward(self, tensor):
        return super().forward(tensor) + 0 * (self.gain * tensor.detach().var()).sqrt().to(tensor.dtype)


class Reduced(Fake):
    def forward(self, tensor):
        return super().forward(tensor)[:1]


class Squares(WeightedSum):
    """The result is not linear in the probabilities."""

    def forward(self, tensor, probabilities):
        return super().forward(tensor, probabilities.square())


def squared(self, bits, *, signed, channels=None):
    return Squares([self.at(b, signed=signed, channels=channels) for b in bits])


def widened(self, bits, *, signed, channels=None):
    return WeightedSum([self.at(max(b, 4), signed=signed, channels=channels) for b in bits])


class Skipping(WeightedSum):
    """Looks at the probabilities before it computes anything."""

    def forward(self, tensor, probabilities):
        return super().forward(tensor, probabilities) if probabilities.any() else 0 * tensor


def skipping(self, bits, *, signed, channels=None):
    return Skipping([self.at(b, signed=signed, channels=channels) for b in bits])


def fixed(self, bits, *, signed, channels=None):
    mixture = WeightedSum([self.at(b, signed=signed, channels=channels) for b in bits])
    mixture.register_forward_pre_hook(lambda _, given: (given[0], given[1].detach()))
    return mixture


@pytest.mark.parametrize(
    "component",
    [Plain, of(Squashed), of(Shifted), of(WholeSteps), of(Noisy, stages=frozenset({"search"}))],
    ids=lambda component: component.__name__,
)
def test_one_that_keeps_it_passes(registered, component):
    check_quantizer(registered(component))


@pytest.mark.parametrize(
    ("component", "message"),
    [
        (of(Fake, stages=frozenset()), "it can't be used in any stage"),
        (of(Fake, fake=lambda *_: torch.relu), "it makes a builtin_function_or_method, not a FakeQuantizer"),
        (
            of(Misreported),
            r"^the quantizer 'misreported': for unsigned activations around 0.001 at 2 bits: a value",
        ),
        (of(TooFine), "its grid has 8 levels, 0 to 7"),
        (of(TooMany), r"values lie at the levels 0 to \d of a grid that has 0 to 3"),
        (of(Floored), r"it moves a value by 0\.\d+ steps: the nearest level is closer"),
        (of(Following), "quantizing twice does not give the same as quantizing once"),
        (of(Folded), "it changes the order of two values"),
        (of(Zeroless), "zeros do not stay zero"),
        (of(Bumped), "for signed activations around 0.001 at 2 bits: zeros do not stay zero"),
        (of(Stateless), "load_state_dict does not restore its state"),
        (of(Remembered), "after its state was saved and restored: a value lies"),
        (of(PerTensor), r"for signed weights .*: its grid has steps of shape \(\)"),
        (of(Coupled), "the quantization of an output channel depends on others"),
        (of(OffsetOfWeights), "its grid for weights has an offset, which weights can't have"),
        (of(StepAtZero), r"for unsigned activations \(zeros\) at 2 bits: "),
        (of(Waiting), "it waits for the device in training: RuntimeError"),
        (of(Detached), "no gradient passes through it"),
        (of(Stepped), "the gradient of its input is zero"),
        (of(Steep), "the gradient of its input is not finite"),
        (of(Random), "in evaluation it is not deterministic"),
        (of(Ordered), "its output differs in channels_last"),
        (of(Float), "it turns bfloat16 into torch.float32"),
        (of(Infinite), "bits: its output has values that are not finite"),
        (of(HalfInfinite), "in bfloat16 its output has values that are not finite"),
        (of(HalfRounded), r"its output has \d+ different values in torch.bfloat16"),
        (of(Cast), "in a convolution at 2 bits in bfloat16: its output has values that are not finite"),
        (of(Negative), "its grid has a step that is not positive"),
        (of(Offsets), "the offset of its grid is not one finite number"),
        (of(Spread), r"for unsigned activations \(zeros\) at 2 bits: the gradient is not finite"),
        (of(Diverging), r"\(zeros\) at 2 bits: its state is not finite after a step of training"),
        (of(Reduced), r"it turns \(4, 5, 3, 3\) into \(1, 5, 3, 3\)"),
        (of(Noisy), "ValueError: there is none"),
        (of(Fake, mixture=squared), "its mixture is not linear in the probabilities"),
        (of(Fake, mixture=widened), "its mixture is not the sum of its widths, each weighted by its probability"),
        (of(Fake, mixture=skipping), "its mixture: it waits for the device in training: RuntimeError"),
        (of(Fake, mixture=fixed), "its mixture, in training: no gradient reaches its probabilities"),
        (of(Fake, mixture=lambda *_, **__: torch.relu), "its mixture is a builtin_function_or_method, not a Mixture"),
        (of(Fake, is_float=True), "it is for float networks, but changes values"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_what_breaks_it_is_told(registered, component, message):
    with pytest.raises(AssertionError, match=message):
        check_quantizer(registered(component))
