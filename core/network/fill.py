"""Filling the open slots of a network: the step that decides which life a definition leads."""

import contextlib
import difflib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from pydantic import ValidationError
from torch import Tensor, nn

from qnas.core.components import Offer, Operation, Quantizer, SlotShape, Space
from qnas.core.errors import InputError, QnasError, as_input_error, from_field
from qnas.core.network.candidate import Candidate, candidates_of, originals
from qnas.core.network.convolution import QuantizedActivation, SlotConv2d
from qnas.core.network.joints.between import fill_joints
from qnas.core.network.memo import once_a_space
from qnas.core.network.mixing.mixed import MergedSlot, MixedActivation, MixedSlot, PlainSlot
from qnas.core.network.probing.devices import is_without_values, made_on_cpu, without_values
from qnas.core.network.probing.layout import Entrance, needs_contiguous
from qnas.core.network.sharing import leaders
from qnas.core.network.slot import FilledSlot, Origin, Slot, copy_weights
from qnas.core.registry import plugins
from qnas.core.settings import FLOAT

Chooser = Callable[[str, SlotShape], nn.Module]
Form = Literal["merged", "plain"]
_SHOWN = 8  # names in a message


def open_network(space: Space, scale: int) -> nn.Module:
    """The network of a space with open slots, which have what the space says of all of them.

    Raises:
        InputError: It is to have no biases, and a slot starts from weights that have one.
    """
    network = space.build(scale)
    for path, module in [] if space.bias else list(network.named_modules()):
        if isinstance(module, Slot):
            if "bias" in module.weights:
                with from_field("bias"):
                    raise InputError(f"the slot '{path}' starts from weights that have a bias: leave bias at true")
            module.shape = replace(module.shape, bias=False)
    return network


def find_slots(network: nn.Module) -> dict[str, SlotShape]:
    """The open slots of ``network`` by module path, in definition order."""
    return {path: module.shape for path, module in network.named_modules() if isinstance(module, Slot)}


def fill(network: nn.Module, chooser: Chooser) -> nn.Module:
    """Put into each open slot what ``chooser(path, shape)`` returns for it; returns ``network``.

    A slot that stands at several paths is chosen for once, by its first, and stays shared. Where the native
    operation is put in, it starts from the slot's weights, if the slot has any; so does the activation from its own.
    """
    chosen: dict[Slot, nn.Module] = {}
    for path, module in list(network.named_modules(remove_duplicate=False)):
        if isinstance(module, Slot):
            if module not in chosen:
                chosen[module] = chooser(path, module.shape)
                _hand_over(module, chosen[module])
            network.set_submodule(path, chosen[module])
    return network


def fill_natively(network: nn.Module, *, bias: bool = True) -> nn.Module:
    """Put its original operation into each open slot, in float; returns ``network``.

    Args:
        network: With open slots.
        bias: Whether their convolutions may have one.
    """
    native, none = Candidate(Operation.of("native"), FLOAT), Quantizer.of("none")
    return fill(network, lambda _, shape: native.fill(replace(shape, bias=shape.bias and bias), none))


def _hand_over(slot: Slot, filled: nn.Module) -> None:
    if not isinstance(filled, FilledSlot | MixedSlot):
        return
    native = filled.native() if slot.weights else None
    if isinstance(native, SlotConv2d) and not native.weight.is_meta:
        native.take(slot.weights)
    elif native is not None and not is_without_values():
        _take(native, slot.weights)
    if isinstance(filled.activation, QuantizedActivation | MixedActivation) and not is_without_values():
        copy_weights(slot.activation_weights, filled.activation)
    if slot.weights and slot.fits_others:
        filled.origin = Origin(slot.shape, slot.weights, slot.activation_weights)


def _take(operation: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Start an operation of several layers from its weights, by parameter name."""
    copy_weights(weights, operation)
    for path, module in operation.named_modules():
        if isinstance(module, SlotConv2d):
            own = [name for name, _ in module.named_parameters(recurse=False)]
            module.take({name: weights[f"{path}.{name}"] for name in own})


def build_found(
    space: Space, scale: int, choices: Mapping[str, Candidate], quantizer: Quantizer, between: int | None = None
) -> nn.Module:
    """The network that has one candidate in each slot, and integers of so many bits between, or floats."""
    network = fill(open_network(space, scale), lambda path, shape: choices[path].fill(shape, quantizer))
    entered = _entered(network, space, scale)
    if between is not None:
        fill_joints(entered, quantizer, between)
    return entered


def build_original(space: Space, scale: int) -> nn.Module:
    """The network in float, with its original operations; where a slot can't hold its own, with first candidates."""
    return _entered(_original(space, scale), space, scale)


def _original(space: Space, scale: int) -> nn.Module:
    network, none = open_network(space, scale), Quantizer.of("none")
    shapes = find_slots(network)
    chosen = originals(shapes) or {path: candidates_of(space, path, shape)[0] for path, shape in shapes.items()}
    return fill(network, lambda path, shape: chosen[path].fill(shape, none))


def _entered(network: nn.Module, space: Space, scale: int) -> nn.Module:
    """``network``, which gets images as it needs them if others wrote it."""
    if space.is_foreign() and not is_without_values():
        network.register_forward_pre_hook(Entrance(_needs_contiguous(space, scale)))
    return network


@functools.lru_cache(maxsize=16)
def _needs_contiguous(space: Space, scale: int) -> bool:
    return needs_contiguous(lambda: _original(space, scale))


def build_mixed(space: Space, scale: int, quantizer: Quantizer, form: Form = "merged") -> nn.Module:
    """The network that has all candidates in each slot."""
    slot_class: type[MixedSlot] = MergedSlot if form == "merged" else PlainSlot
    network = open_network(space, scale)
    fill(network, lambda path, shape: slot_class(shape, candidates_of(space, path, shape), quantizer))
    return _entered(network, space, scale)


def refuse_scale(space: Space, scale: int) -> None:
    """Refuse a scale that the space can't do.

    Raises:
        InputError: It says which it can do.
    """
    if scale not in space.scales:
        can = ", ".join(map(str, sorted(space.scales)))
        raise InputError(f"the space '{space.label}' can't do scale {scale} (it can do: {can})")


def slot_candidates(space: Space, scale: int) -> dict[str, list[Candidate]]:
    """The candidates of every slot by its path.

    Raises:
        InputError: The space can't do the scale, a rule matches no slot, an operation can't live in one, or slots that
            are to share a choice have other candidates.
    """
    refuse_scale(space, scale)
    with as_input_error(f"the network of '{space.known_as}' can't be built"):
        slots = find_shapes(space, scale)
    for index, rule in enumerate(space.slots):
        if not any(map(rule.matches, slots)):
            with from_field("slots", index, "match"):
                raise InputError(f"'{rule.match}' matches no slot{_near(rule.match, list(slots))}")
    for path, shape in slots.items():
        _refuse_unfit(space.offer(path, shape), path, shape)
    candidates = {path: candidates_of(space, path, shape) for path, shape in slots.items()}
    leaders(space, candidates)
    return candidates


@once_a_space
def find_shapes(space: Space, scale: int) -> Mapping[str, SlotShape]:
    """The slots of a space by path: of a network without values where it can be built so, which is quick."""
    try:
        with without_values():
            return find_slots(open_network(space, scale))
    except QnasError:
        raise
    except Exception:
        if not space.is_foreign():
            raise
    with made_on_cpu():
        return find_slots(open_network(space, scale))


def _near(pattern: str, paths: Sequence[str]) -> str:
    near = difflib.get_close_matches(pattern, paths, n=3, cutoff=0.4) or paths[:3]
    return f" (near: {', '.join(near)})" if near else " (the network has none)"


def _refuse_unfit(offer: Offer, path: str, shape: SlotShape) -> None:
    for index, operation in enumerate(offer.operations):
        reason = _unfit(operation, shape)
        if reason:
            with from_field(*offer.field, *([index] if offer.field[-1:] != ("keep",) and offer.field else [])):
                raise InputError(
                    f"{_named(operation, shape)} can't live in slot '{path}': {reason}{_fitting(offer, shape)}"
                )


def _named(operation: Operation, shape: SlotShape) -> str:
    """The operation, as a user knows it."""
    if operation.is_native:
        return f"the original operation '{Operation.of(shape.native).label}'"
    return f"'{operation.label}'"


def _fitting(offer: Offer, shape: SlotShape) -> str:
    """What would fit: of the offer, or else of all operations."""
    offered = [operation.label for operation in offer.operations if not _unfit(operation, shape)]
    if offered:
        return f" (of its candidates these fit: {', '.join(offered)})"
    fitting = [operation.label for operation in _every_operation() if not _unfit(operation, shape)]
    more = ", ..." if len(fitting) > _SHOWN else ""
    return f" (these fit: {', '.join(fitting[:_SHOWN])}{more})" if fitting else ""


def _every_operation() -> Iterator[Operation]:
    """What is registered, but for what can't be loaded or needs fields."""
    for entry in plugins().registries["operation"]:
        with contextlib.suppress(ValidationError):
            yield Operation.of(entry.name)


def _unfit(operation: Operation, shape: SlotShape) -> str:
    if not shape.keeps_size and not operation.is_native:
        return "its original convolution changes the size in a way that only 'native' does"
    return operation.unfit(shape)
