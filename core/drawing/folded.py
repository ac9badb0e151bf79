"""The whole network in one layout, with equal parts folded: they are drawn once."""

from collections.abc import Hashable, Mapping

from qnas.core.drawing.layout import Item, Layout, Port, lay_out
from qnas.core.drawing.repeats import find_repeats
from qnas.core.drawing.slot_graph import SlotGraph

LEAST_REPEATED = 4
"""Parts that repeat others are left out where that saves so many slots at least."""


def lay_out_folded(flow: SlotGraph, kinds: Mapping[str, Hashable]) -> Layout:
    """The layout of ``flow``, without the connections beside a longer way.

    Args:
        flow: Of the network.
        kinds: Slot path to what must be equal in two slots of equal parts.
    """
    repeats = find_repeats(flow, kinds, LEAST_REPEATED)
    repeat_at = {node: repeat for repeat in repeats for node in repeat.nodes}
    items: list[Item] = [Port.IN]
    place = [0]
    for node, path in enumerate(flow.slots, 1):
        repeat = repeat_at.get(node)
        if repeat is None or node == repeat.nodes.start:
            items.append(repeat or path)
        place.append(len(items) - 1)
    items.append(Port.OUT)
    place.append(len(items) - 1)
    return lay_out(items, {(place[a], place[b]) for a, b in flow.essential() if place[a] != place[b]})
