"""The choices over time: how the probabilities of each slot's candidates changed during the search."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qnas.core.drawing.wording import is_finite
from qnas.plugins.reports.anatomy import FoundSlot

WIDTH, HEIGHT = 240, 120
POINTS = 60
"""The most records that a chart has room for; more are thinned out."""


@dataclass(frozen=True)
class Area:
    """The probability of one candidate, stacked on those before it.

    Attributes:
        candidate: Its label.
        path: SVG path data, from the bottom of the chart up to its own upper border: later ones lie below.
        bits: Of its weights, None without any.
        chosen: Whether the found network has it.
        share: Its probability where the found network was taken.
    """

    candidate: str
    path: str
    bits: int | None
    chosen: bool
    share: float


@dataclass(frozen=True)
class SlotChoices:
    """One slot's chart.

    Attributes:
        slot: The slot's path.
        areas: Its candidates, the topmost first, which is the order to paint them in.
        taken: x of where the found network was taken, None if it was at the end.
    """

    slot: str
    areas: Sequence[Area]
    taken: float | None

    @property
    def chosen(self) -> Area | None:
        """The candidate that the found network has."""
        return next((area for area in self.areas if area.chosen), None)

    @property
    def second(self) -> Area | None:
        """The most probable of the others."""
        others = [area for area in self.areas if not area.chosen]
        return max(others, key=lambda area: area.share, default=None)


def slot_choices(
    history: Sequence[Mapping[str, Any]], slots: Mapping[str, FoundSlot], taken_step: float | None
) -> list[SlotChoices]:
    """A chart for each slot that had a choice, none for a search that has no probabilities.

    Args:
        history: Of the search.
        slots: Of the found network.
        taken_step: The step at which the found network was taken, None if unknown.
    """
    records = [record for record in history if isinstance(record.get("probabilities"), dict)]
    taken = next((i for i, r in enumerate(records) if r["step"] == taken_step), len(records) - 1)
    return [_chart(records, slot, taken) for slot in slots.values() if records and _has_choice(records[-1], slot)]


def _has_choice(record: Mapping[str, Any], slot: FoundSlot) -> bool:
    return len(record["probabilities"].get(slot.path) or ()) > 1


def _chart(records: Sequence[Mapping[str, Any]], slot: FoundSlot, taken: int) -> SlotChoices:
    rows = [record["probabilities"].get(slot.path, {}) for record in records]
    kept = _thinned(len(rows))
    xs = _positions([float(records[i]["step"]) for i in kept])
    # The chosen one is at the bottom, where its growth is easy to read.
    labels = sorted(rows[-1], key=lambda label: label != slot.candidate)
    height = [0.0] * len(kept)
    areas = []
    for label in labels:
        height = [h + _share(rows[i], label) for h, i in zip(height, kept, strict=True)]
        share = _share(rows[taken], label)
        areas.append(Area(label, _path(xs, height), _bits(label), label == slot.candidate, share))
    steps = [float(record["step"]) for record in records]
    return SlotChoices(slot.path, areas[::-1], None if taken == len(rows) - 1 else _positions(steps)[taken])


def _thinned(count: int) -> list[int]:
    if count <= POINTS:
        return list(range(count))
    return [round(i * (count - 1) / (POINTS - 1)) for i in range(POINTS)]


def _positions(steps: Sequence[float]) -> list[float]:
    first, extent = steps[0], steps[-1] - steps[0]
    return [WIDTH * (step - first) / extent if extent else 0.0 for step in steps]


def _share(row: Mapping[str, Any], label: str) -> float:
    value = row.get(label)
    return float(value) if value is not None and is_finite(value) else 0.0


def _path(xs: Sequence[float], heights: Sequence[float]) -> str:
    points = [(f"{x:.0f}", f"{HEIGHT * (1 - min(h, 1.0)):.1f}") for x, h in zip(xs, heights, strict=True)]
    # The last value extends to the border, since a search of one epoch has one record only.
    border = " ".join(f"L{x} {y}" for x, y in points)
    return f"M0 {HEIGHT} {border} H{WIDTH} V{HEIGHT} Z"


def _bits(label: str) -> int | None:
    """The weight bits in a candidate's label, such as ``conv3x3 @ 4`` or ``conv3x3 @ 4/8``."""
    weight = label.rpartition(" @ ")[2].split("/")[0] if " @ " in label else ""
    return int(weight) if weight.isdecimal() else None
