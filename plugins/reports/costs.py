"""The costs of a run, as facts of the headline: what its network costs, and the range of its space."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from qnas.core.drawing.wording import percent, scaled
from qnas.core.run.costs import StatedCost, countable, measured_costs, stated_costs
from qnas.core.run.record import RunRecord
from qnas.plugins.reports.anatomy import Anatomy

_TIMES = " \N{MULTIPLICATION SIGN} "


class Fact(NamedTuple):
    """A figure with its name and a remark."""

    name: str
    value: str
    note: str = ""


def cost_facts(record: RunRecord, found: Anatomy) -> list[Fact]:
    """A fact for each cost in result.json; the first, by which slots are drawn, has one for each image size."""
    first, *others = stated_costs(record.spec_data)
    facts = [
        _fact(first, size, value, found, record, [*_beside(record, size)])
        for size, value in first.figures(record.result).items()
    ]
    smallest = ((cost, [*cost.figures(record.result).items()][:1]) for cost in others)
    with record.as_it_was():
        conditions = {name: cost.conditions for name, cost in countable(record.spec_data).items()}
    measured = measured_costs(record)
    return facts + [
        _fact(cost, *one, found, record, [*_measured(cost, conditions, measured)])
        for cost, figures in smallest
        for one in figures
    ]


def _fact(
    cost: StatedCost, size: str, value: float, found: Anatomy, record: RunRecord, more: Sequence[str] = ()
) -> Fact:
    notes = [*_limit(cost, size, found, record), *_range(cost, size, found), *more]
    at = f", LR {size.replace('x', _TIMES)}" if size else ""
    return Fact(f"{cost.title[:1].upper()}{cost.title[1:]}{at}", _value(cost, value), "; ".join(notes))


def _limit(cost: StatedCost, size: str, found: Anatomy, record: RunRecord) -> Iterator[str]:
    """The limit on the cost, which is for the smallest images, and the share of it that is used."""
    limit = (record.result.get("limits") or {}).get(cost.name)
    if limit and size in ("", found.size):
        used = f", {percent(limit['used'] / limit['limit'])} used" if limit["limit"] else ""
        yield f"limit {_value(cost, limit['limit'])}{used}"


def _range(cost: StatedCost, size: str, found: Anatomy) -> Iterator[str]:
    """The range of costs in the space, which is counted for the smallest images."""
    if cost.name in found.ranges and size in ("", found.size):
        yield "the space: " + " to ".join(_value(cost, value) for value in found.ranges[cost.name])


def _measured(cost: StatedCost, conditions: Mapping[str, str], measured: Mapping[str, float]) -> Iterator[str]:
    """What the cost holds for, and what was measured in its place."""
    if conditions.get(cost.name):
        yield conditions[cost.name]
    if cost.name in measured:
        yield f"measured {_value(cost, measured[cost.name])}"


def _beside(record: RunRecord, size: str) -> Iterator[str]:
    work = (record.result.get("float_work") or {}).get(size)
    if work:
        yield f"also in float: {scaled(work['macs'])}MACs, {scaled(work['elementwise']).strip()} other operations"


def _value(cost: StatedCost, value: float) -> str:
    return scaled(value, cost.sign).strip()
