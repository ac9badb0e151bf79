"""The anatomy of the found network: what each slot holds, what it costs and how data flows through it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qnas.core.components import ConvolutionShape, Cost, Quantizer
from qnas.core.drawing.slot_graph import SlotGraph, trace
from qnas.core.errors import QnasError
from qnas.core.network import LR_SIZE, Architecture, convolutions, count_space
from qnas.core.network.shapes import found_for_shapes, shapes_only
from qnas.plugins.reports.record import RunRecord


@dataclass(frozen=True)
class FoundSlot:
    """One slot; the widths are None where there is nothing to quantize, the costs where they are unknown.

    Attributes:
        path: Its module path.
        operation: The operation's label.
        candidate: The label of operation and widths, as the search's history has it.
        weight_bits: Bits of a weight.
        activation_bits: Bits of an input value.
        bitops: Bit operations on an LR image of ``LR_SIZE``.
        share: The same as a share of the whole network's.
    """

    path: str
    operation: str
    candidate: str
    weight_bits: int | None
    activation_bits: int | None
    bitops: int | None = None
    share: float | None = None


@dataclass(frozen=True)
class Anatomy:
    """The found network.

    Attributes:
        slots: By path, in running order.
        flow: Which slot feeds which.
        fixed_share: Share of the cost outside the slots, None where costs are unknown.
        lowest: BitOps of the cheapest network of the space.
        highest: BitOps of the dearest.
        unknown: Why costs and flow are unknown, or ``""``.
    """

    slots: Mapping[str, FoundSlot]
    flow: SlotGraph
    fixed_share: float | None = None
    lowest: int | None = None
    highest: int | None = None
    unknown: str = ""


def anatomy(record: RunRecord) -> Anatomy:
    """The anatomy of a run's network.

    The space may have changed, or its plugin gone, since the run ended: then what architecture.json says is
    all there is, and that is shown.
    """
    try:
        architecture = Architecture.from_json(record.architecture_text)
        quantizer = Quantizer.of(record.spec.get("quantizer", {}).get("train", "lsq"))
    except (QnasError, ValueError) as error:
        slots = {path: _listed(path, choice) for path, choice in record.architecture["slots"].items()}
        return Anatomy(slots, SlotGraph.chain(list(slots)), unknown=str(error))
    return _measured(architecture, quantizer)


def _listed(path: str, choice: Mapping[str, Any]) -> FoundSlot:
    operation = choice["operation"]
    name = str(operation["name"] if isinstance(operation, dict) else operation)
    weight, activation = (_bits(choice.get(key)) for key in ("weight_bits", "activation_bits"))
    widths = "" if weight is None else f" @ {weight}" + (f"/{activation}" if activation != weight else "")
    return FoundSlot(path, name, name + widths, weight, activation)


def _bits(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def _measured(architecture: Architecture, quantizer: Quantizer) -> Anatomy:
    bitops = Cost.of("bitops")
    space = architecture.space.restored()
    with shapes_only(space, architecture.scale):
        network = found_for_shapes(space, architecture.scale, architecture.candidates(), quantizer)
        flow = trace(network, architecture.slots)
        run = convolutions(network, 3, LR_SIZE)
    total = _sum(bitops, run)
    costs = {path: _sum(bitops, [c for c in run if _inside(c.path, path)]) for path in flow.slots}
    range_ = count_space(space, architecture.scale, quantizer, LR_SIZE).table(bitops)
    return Anatomy(
        slots={path: _slot(architecture, path, costs[path], total) for path in flow.slots},
        flow=flow,
        fixed_share=(total - sum(costs.values())) / total if total else 0.0,
        lowest=range_.lowest,
        highest=range_.highest,
    )


def _slot(architecture: Architecture, path: str, bitops: int, total: int) -> FoundSlot:
    choice = architecture.slots[path]
    return FoundSlot(
        path,
        choice.operation.label,
        choice.candidate().label,
        choice.weight_bits,
        choice.activation_bits,
        bitops,
        bitops / total if total else 0.0,
    )


def _inside(path: str, slot: str) -> bool:
    return path == slot or path.startswith(f"{slot}.")


def _sum(cost: Cost, run: Sequence[ConvolutionShape]) -> int:
    return sum(map(cost.of_convolution, run))
