"""The anatomy of the found network: what each slot holds, what it costs and how data flows through it.

This is the only part of a page that loads torch: costs and flow come from the network, built again without values.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from qnas.core.components import Cost, Quantizer
from qnas.core.drawing.slot_graph import SlotGraph
from qnas.core.drawing.tracing import trace
from qnas.core.errors import QnasError
from qnas.core.network import LR_SIZE, Architecture, count_network, count_space
from qnas.core.network.shapes import found_for_shapes, shapes_only
from qnas.core.run.costs import StatedCost, countable
from qnas.core.run.record import RunRecord


@dataclass(frozen=True)
class FoundSlot:
    """One slot; the widths are None where there is nothing to quantize, the costs where they are unknown.

    Attributes:
        path: Its module path.
        operation: The operation's label.
        candidate: The label of operation and widths, as the search's history has it.
        weight_bits: Bits of a weight.
        activation_bits: Bits of an input value.
        price: In words, what it costs on an LR image of ``LR_SIZE`` by the first of the costs; ``""`` if unknown.
        share: That price as a share of the whole network's.
    """

    path: str
    operation: str
    candidate: str
    weight_bits: int | None
    activation_bits: int | None
    price: str = ""
    share: float | None = None


@dataclass(frozen=True)
class Anatomy:
    """The found network.

    Attributes:
        slots: By path, in running order.
        flow: Which slot feeds which.
        fixed_share: Share of the cost outside the slots, None where costs are unknown.
        ranges: For each cost by its name, the lowest and the highest of all networks of the space.
        size: The size of the LR image that costs are counted on.
        unknown: Why costs and flow are unknown, or ``""``.
    """

    slots: Mapping[str, FoundSlot]
    flow: SlotGraph
    fixed_share: float | None = None
    ranges: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    size: str = f"{LR_SIZE[0]}x{LR_SIZE[1]}"
    unknown: str = ""


def anatomy(record: RunRecord) -> Anatomy:
    """The anatomy of a run's network.

    The space may have changed since the run ended, or its plugin may be gone. Then only what architecture.json says is
    shown.
    """
    try:
        architecture = Architecture.from_json(record.architecture_text)
        quantizer = Quantizer.of(record.spec_data.get("quantizer", {}).get("train", "lsq"))
    except (QnasError, ValueError) as error:
        slots = {path: _listed(path, choice) for path, choice in record.architecture_data["slots"].items()}
        return Anatomy(slots, SlotGraph.chain(list(slots)), unknown=str(error))
    with record.as_it_was():
        costs = countable(record.spec_data)
    return _measured(architecture, quantizer, costs)


def _listed(path: str, choice: Mapping[str, Any]) -> FoundSlot:
    operation = choice["operation"]
    name = str(operation["name"] if isinstance(operation, dict) else operation)
    weight, activation = (_bits(choice.get(key)) for key in ("weight_bits", "activation_bits"))
    widths = "" if weight is None else f" @ {weight}" + (f"/{activation}" if activation != weight else "")
    return FoundSlot(path, name, name + widths, weight, activation)


def _bits(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def _measured(architecture: Architecture, quantizer: Quantizer, costs: Mapping[str, Cost]) -> Anatomy:
    space = architecture.space.restored()
    with shapes_only(space, architecture.scale):
        network = found_for_shapes(space, architecture.scale, architecture.candidates(), quantizer)
        flow = trace(network, architecture.slots)
        found = count_network(network, flow.slots, LR_SIZE)
    name, first = next(iter(costs.items()))
    total, priced = found.total(first), StatedCost.of(name, first)
    prices = {path: first.of_candidate(part) for path, part in found.slots.items()}
    space_count = count_space(space, architecture.scale, quantizer, LR_SIZE)
    tables = {name: space_count.table(cost) for name, cost in costs.items()}
    return Anatomy(
        slots={path: _slot(architecture, path, prices[path], total, priced) for path in flow.slots},
        flow=flow,
        fixed_share=first.of_rest(found.rest) / total if total else 0.0,
        ranges={name: (table.lowest, table.highest) for name, table in tables.items()},
    )


def _slot(architecture: Architecture, path: str, price: int, total: int, cost: StatedCost) -> FoundSlot:
    choice = architecture.slots[path]
    return FoundSlot(
        path,
        choice.operation.label,
        choice.candidate().label,
        choice.weight_bits,
        choice.activation_bits,
        cost.words(price),
        price / total if total else 0.0,
    )
