"""Starts the candidates of a whole network's slots from what stood there."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from qnas.core.components import Operation, Quantizer
from qnas.core.network.candidate import Candidate
from qnas.core.network.convolution import QuantizedLayers, SlotConv2d
from qnas.core.network.mixing.mixed import MixedSlot
from qnas.core.network.probing.seeds import generators_kept
from qnas.core.network.slot import FilledSlot, Origin, copy_weights
from qnas.core.network.statistics import modes_kept
from qnas.core.network.warm.fitting import EXACT, fit_operation, share_of_error
from qnas.core.settings import FLOAT

Errors = dict[str, dict[str, float]]
"""For the path of a slot and the label of an operation: its mean squared error beside the convolution that stood there,
as a share of the variance of what that makes; 0 is exact."""

Held = Literal["original", "mean"] | int

_STEPS = 200
_WEIGHTS = {"mean": 16}  # beside 1 for other errors, each relative to what it was at first
_TINY = 1e-12
_RATE = 3e-3
_PIXELS = 2**15  # of a slot's output that its operations are fitted to


def is_warm(network: nn.Module) -> bool:
    """Whether :func:`warm_start` has something to do."""
    slots = (m for m in network.modules() if isinstance(m, FilledSlot | MixedSlot) and m.origin is not None)
    return any(not operation.is_native for slot in slots for operation, *_ in _operations(slot))


def warm_start(
    network: nn.Module, images: Sequence[Tensor], report: Callable[[int, int], object] = lambda *_: None
) -> Errors:
    """Start the operations of warm slots as close as they come to the convolution that stood there.

    A slot is warm if it was filled in place of a :class:`Slot` whose weights others are to start from. Each of its
    operations is fitted to what the slot reads and makes in the original network, in float, for these images. What is
    not exact then is trained for a while, so that the network whose slots hold the mean of their operations, as they do
    when a search begins, makes the images of the original one: errors of many slots add up, and each can make up for
    others.

    Args:
        network: With filled or mixed slots, on its device. Random numbers and modes are left as they are.
        images: LR images (N, 3, H, W) in 0..1, on that device.
        report: Called with the number of parts done, and of how many.

    Returns:
        The error of each operation, from what the slot reads in the original network.
    """
    with generators_kept(), modes_kept(network):
        torch.manual_seed(0)  # for operations that draw while they are fitted
        slots = _warm_slots(network.eval())
        parts = len(slots) + _STEPS
        with _standing_in(network, slots):
            for done, slot in enumerate(slots.values()):
                report(done, parts)
                _fit(slot, *_record(network, slot, images))
            _tune(network, list(slots.values()), images, lambda done: report(len(slots) + done, parts))
            errors = {
                path: _errors(slot, *_record(network, slot, images))
                for path, slot in slots.items()
                if not all(twin.operation.is_native for twin in slot.stand_in.twins)
            }
    for slot in slots.values():
        slot.hand_over()
    return errors


@dataclass(frozen=True)
class _Twin:
    """An operation of a slot in float.

    Attributes:
        operation: The operation.
        module: What it built, in float.
        reads_raw: Whether it reads the slot's input as it was before the activation.
        share: In the mean of all candidates.
        is_exact: Whether it computes what stood there.
    """

    operation: Operation
    module: nn.Module
    reads_raw: bool
    share: float
    is_exact: bool


class _StandIn(nn.Module):
    """Stands in for a slot, in float: as what stood there, or as the mean of its operations once these are fitted."""

    def __init__(self, original: FilledSlot) -> None:
        super().__init__()
        self.original = original
        self.held: Held = "original"
        self.twins: list[_Twin] = []

    def forward(self, features: Tensor) -> Tensor:
        """As a slot."""
        if self.held == "original":
            result: Tensor = self.original(features)
            return result
        if features.dim() == 3:
            return self.forward(features[None])[0]
        activated = self.original.activation(features)
        if isinstance(self.held, int):
            twin = self.twins[self.held % len(self.twins)]
            single: Tensor = twin.module(features if twin.reads_raw else activated)
            return single.clone()  # the network may change it in place
        terms = [twin.share * twin.module(features if twin.reads_raw else activated) for twin in self.twins]
        mean: Tensor = sum(terms[1:], terms[0])
        return mean

    def compare(self, own: list[Tensor]) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        """A hook of what stood there, which adds the error of each operation that is not exact to ``own``."""

        def note(_: nn.Module, given: tuple[Tensor, ...], result: Tensor) -> None:
            features = given[0].clone()  # the network may change it in place
            activated = self.original.activation(features)
            for twin in self.twins:
                if not twin.is_exact:
                    with torch.enable_grad():
                        left = twin.module(features if twin.reads_raw else activated) - result
                        own.append(left.square().mean() / result.var().clamp_min(_TINY))

        return note


@dataclass(frozen=True)
class _WarmSlot:
    """A slot, and what stood there."""

    filled: FilledSlot | MixedSlot
    origin: Origin
    native: SlotConv2d
    stand_in: _StandIn

    def hand_over(self) -> None:
        """Give the slot the weights of the twins: what stood there is of no more use."""
        for (_, module, _), twin in zip(_operations(self.filled), self.stand_in.twins, strict=True):
            if not twin.operation.is_native:
                _copy(twin.module, module)
        self.filled.origin = None

    def twin(self, operation: Operation, module: nn.Module) -> nn.Module:
        """An operation in float, with the weights that it has in the slot."""
        shape = self.origin.shape
        layers = QuantizedLayers(Quantizer.of("none"), FLOAT, shape.padding_mode, bias=shape.bias)
        twin = operation.build(shape, layers).to(self.native.weight.device)
        own = twin.state_dict()
        twin.load_state_dict({name: value for name, value in module.state_dict().items() if name in own}, strict=False)
        return twin.eval()


def _operations(filled: FilledSlot | MixedSlot) -> Iterator[tuple[Operation, nn.Module, float]]:
    """What a slot holds: each operation, what that built, and its share in the mean of all candidates."""
    if isinstance(filled, FilledSlot):
        yield filled.component, filled.operation, 1.0
        return
    shares = (size / sum(filled.sizes) for size in filled.sizes)
    yield from zip(filled.components, filled.operations, shares, strict=True)


def _warm_slots(network: nn.Module) -> dict[str, _WarmSlot]:
    """The warm slots by path; one that stands at several paths once."""
    found = {}
    for path, module in network.named_modules():
        if isinstance(module, FilledSlot | MixedSlot) and module.origin is not None:
            origin = module.origin
            original = Candidate(Operation.of("native"), FLOAT).fill(origin.shape, Quantizer.of("none"))
            native = original.native() if isinstance(original, FilledSlot) else None
            if isinstance(original, FilledSlot) and isinstance(native, SlotConv2d):
                native.take(origin.weights)
                copy_weights(origin.activation_weights, original.activation)
                device = next(network.parameters()).device
                found[path] = _WarmSlot(module, origin, native, _StandIn(original).to(device).eval())
    return found


@contextlib.contextmanager
def _standing_in(network: nn.Module, slots: Mapping[str, _WarmSlot]) -> Iterator[None]:
    """A context in which stand-ins are in place of warm slots."""
    stand_ins = {slot.filled: slot.stand_in for slot in slots.values()}
    places = [(path, m) for path, m in network.named_modules(remove_duplicate=False) if m in stand_ins]
    for path, filled in places:
        network.set_submodule(path, stand_ins[filled])
    try:
        yield
    finally:
        for path, filled in places:
            network.set_submodule(path, filled)


def _fit(slot: _WarmSlot, inputs: Tensor, outputs: Tensor) -> None:
    """Fit the operations of a slot, one by one, to what it reads and makes."""
    activated = slot.stand_in.original.activation(inputs)
    for operation, module, share in _operations(slot.filled):
        reads_raw = not operation.is_quantized_in(slot.origin.shape)
        twin = slot.native if operation.is_native else slot.twin(operation, module)
        given = inputs if reads_raw else activated
        if not operation.is_native:
            fit_operation(operation, twin, slot.origin.shape, slot.native, given, outputs)
        is_exact = share_of_error(twin, given, outputs) < EXACT
        slot.stand_in.twins.append(_Twin(operation, twin, reads_raw, share, is_exact))


def _tune(
    network: nn.Module, slots: Sequence[_WarmSlot], images: Sequence[Tensor], report: Callable[[int], object]
) -> None:
    """Train what is not exact until the means of the slots make the images that the original network makes."""
    parameters = [
        p for slot in slots for twin in slot.stand_in.twins if not twin.is_exact for p in twin.module.parameters()
    ]
    if not parameters:
        return
    optimizer = torch.optim.Adam(parameters, lr=_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, _STEPS)
    begin: dict[str, Tensor] = {}
    for step in range(_STEPS):
        report(step)
        losses = _losses(network, slots, images[step % len(images)], step)
        relative = [
            _WEIGHTS.get(key, 1) * loss / begin.setdefault(key, loss.detach().clamp_min(_TINY))
            for key, loss in losses.items()
        ]
        gradients = torch.autograd.grad(torch.stack(relative).sum(), parameters, allow_unused=True)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        optimizer.step()
        schedule.step()
    _hold(slots, "original")
    report(_STEPS)


@torch.enable_grad()
def _losses(network: nn.Module, slots: Sequence[_WarmSlot], images: Tensor, step: int) -> dict[str, Tensor]:
    """The errors of the network of means, of one that has a single operation in each slot, and of operations alone."""
    own: list[Tensor] = []
    handles = [slot.stand_in.original.register_forward_hook(slot.stand_in.compare(own)) for slot in slots]
    _hold(slots, "original")
    with torch.no_grad():
        wanted = network(images)
    for handle in handles:
        handle.remove()
    _hold(slots, "mean")
    mean = network(images)
    turn = step % max(len(slot.stand_in.twins) for slot in slots)
    _hold(slots, turn)
    single = network(images)
    return {
        "own": torch.stack(own).mean(),
        "mean": (mean - wanted).square().mean(),
        f"single {turn}": (single - wanted).square().mean(),
    }


def _hold(slots: Sequence[_WarmSlot], held: Held) -> None:
    for slot in slots:
        slot.stand_in.held = held


def _errors(slot: _WarmSlot, inputs: Tensor, outputs: Tensor) -> dict[str, float]:
    activated = slot.stand_in.original.activation(inputs)
    return {
        twin.operation.label: 0.0
        if twin.is_exact
        else share_of_error(twin.module, inputs if twin.reads_raw else activated, outputs)
        for twin in slot.stand_in.twins
    }


@torch.no_grad()
def _record(network: nn.Module, slot: _WarmSlot, images: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """What a slot reads in the original network and what it makes of it, (N, C, H, W) each, as much as is needed."""
    read: list[Tensor] = []
    made: list[Tensor] = []

    def note(_: nn.Module, given: tuple[Tensor, ...], result: Tensor) -> None:
        pair = [(tensor if tensor.dim() == 4 else tensor[None]).clone() for tensor in (given[0], result)]
        if not read or pair[0].shape[1:] == read[0].shape[1:]:  # a slot may run at several sizes
            read.append(pair[0])
            made.append(pair[1])

    handle = slot.stand_in.original.register_forward_hook(note)
    for batch in images:
        network(batch)
        if sum(result[:, 0].numel() for result in made) >= _PIXELS:
            break
    handle.remove()
    return torch.cat(read), torch.cat(made)


@torch.no_grad()
def _copy(twin: nn.Module, module: nn.Module) -> None:
    """Give an operation the weights of its float twin; quantizers of weights set themselves up for them."""
    source, target = twin.state_dict(), module.state_dict()
    for name in source.keys() & target.keys():
        target[name].copy_(source[name])
    parts = dict(twin.named_modules())
    for name, part in module.named_modules():
        if isinstance(part, SlotConv2d):
            part.take(dict(parts[name].named_parameters(recurse=False)))
