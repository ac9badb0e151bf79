"""Uniform networks of a space: native operations, at the same bits in every slot."""

from collections.abc import Mapping, Sequence

from qnas.core.components import Cost, Operation, Quantizer, SlotShape, Space
from qnas.core.network import Candidate, count_space, find_shapes, leaders, one_hot, slot_candidates
from qnas.core.search.limits.allowed import AllowedNetworks
from qnas.core.settings import Widths

Choice = Mapping[str, Candidate]


def is_native(candidate: Candidate, slot: SlotShape) -> bool:
    """Whether a candidate is what stood in the slot before it was opened, at whatever bit-width."""
    return candidate.operation.is_native or candidate.operation == Operation.of(slot.native)


def native_options(space: Space, scale: int) -> dict[str, list[Candidate]]:
    """The native candidates of each slot by the slot's path; empty for a slot that has none."""
    shapes = find_shapes(space, scale)
    candidates = slot_candidates(space, scale)
    return {path: [one for one in of_slot if is_native(one, shapes[path])] for path, of_slot in candidates.items()}


def uniform_choices(space: Space, scale: int) -> dict[int, Choice]:
    """The uniform networks of a space by their bits; none if a slot can't hold its native operation."""
    options = native_options(space, scale)
    if not all(options.values()):
        return {}
    at_widths = {bits: _at(options, bits) for bits in sorted(_widths(options))}
    return {bits: chosen for bits, chosen in at_widths.items() if chosen is not None}


def no_dearer(
    space: Space, scale: int, quantizer: Quantizer, costs: Mapping[str, Cost], limits: Mapping[str, int], found: Choice
) -> AllowedNetworks:
    """The networks that are as cheap as was asked for.

    Args:
        space: Their space.
        scale: The factor that they enlarge by.
        quantizer: Quantizes them.
        costs: What is counted, by name.
        limits: The most that they may cost, by the cost's name; without limits, no more BitOps than ``found``.
        found: A network of the space.
    """
    if limits:
        return AllowedNetworks.of(space, scale, quantizer, costs, limits)
    candidates = slot_candidates(space, scale)
    table = count_space(space, scale, quantizer).table(costs["bitops"])
    most = round(float(table.expected(one_hot(candidates, found))))
    return AllowedNetworks(candidates, leaders(space, candidates), {"bitops": most}, {"bitops": table})


def widest(choices: Mapping[int, Choice], allowed: AllowedNetworks) -> int | None:
    """The most bits at which a uniform network is allowed, None if none is."""
    return max((bits for bits, chosen in choices.items() if allowed.allows(chosen)), default=None)


def same_operations(one: Choice, other: Choice) -> bool:
    """Whether two networks of a space have the same operations, and so are one network in float."""
    return all(candidate.operation == other[path].operation for path, candidate in one.items())


def _widths(options: Mapping[str, Sequence[Candidate]]) -> set[int]:
    """The widths that some slot may have for weights and activations alike."""
    widths = {one.widths for of_slot in options.values() for one in of_slot if one.widths}
    return {width.weight for width in widths if width.weight == width.activation}


def _at(options: Mapping[str, Sequence[Candidate]], bits: int) -> Choice | None:
    """The network at this width, but for slots that have no choice; None if another slot can't have it."""
    chosen = {}
    for path, of_slot in options.items():
        fitting = [one for one in of_slot if one.widths == Widths(bits, bits)] or (of_slot if len(of_slot) == 1 else [])
        if not fitting:
            return None
        chosen[path] = fitting[0]
    return chosen
