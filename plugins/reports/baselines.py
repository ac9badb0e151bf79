"""The found network beside its baselines: a row for each, with a link to the page of its run."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from qnas.core.drawing.wording import decimal, scaled
from qnas.core.files.folder import RunFolder
from qnas.core.run.beside import Beside
from qnas.core.run.costs import StatedCost, stated_costs
from qnas.core.run.names import as_named_now, baseline
from qnas.core.run.record import RunRecord


@dataclass(frozen=True)
class BaselineRow:
    """A network of the comparison.

    Attributes:
        name: What it is called.
        page: Where the page of its run is, relative to the page of this one; ``""`` if there is none.
        psnr: Its PSNR on Y on each test set, as text.
        costs: What it costs, as text.
    """

    name: str
    page: str
    psnr: Sequence[str]
    costs: Sequence[str]


@dataclass(frozen=True)
class BaselinesTable:
    """The comparison.

    Attributes:
        sets: The test sets.
        costs: The costs that depend on bits, in words.
        rows: The networks, the found one last; none without baselines.
        sentences: What follows from them.
    """

    sets: Sequence[str]
    costs: Sequence[str]
    rows: Sequence[BaselineRow]
    sentences: Sequence[str]


def baselines_table(record: RunRecord) -> BaselinesTable:
    """The comparison of a run with its baselines."""
    beside = Beside(record.result)
    costs = [cost for cost in stated_costs(record.spec_data) if cost.by_width]
    sets = list(record.result.get("test") or {})
    rows = [_row(record, name, of, sets, costs) for name, of in beside.networks.items()]
    return BaselinesTable(sets, [cost.title for cost in costs], rows, beside.sentences)


def _row(
    record: RunRecord, name: str, of: Mapping[str, Any], sets: Sequence[str], costs: Sequence[StatedCost]
) -> BaselineRow:
    psnr = [decimal(of["test"][one]["psnr_y"]) for one in sets]
    return BaselineRow(name, _page(record, name), psnr, [*_values(as_named_now(of), costs)])


def _values(of: Mapping[str, Any], costs: Sequence[StatedCost]) -> Iterator[str]:
    for cost in costs:
        figures = [*cost.figures(of).values()][:1]
        yield f"{scaled(figures[0])}{cost.sign}".strip() if figures else decimal(None)


def _page(record: RunRecord, name: str) -> str:
    uniform = re.match(r"uniform \d+", name)  # only what the engine writes: a file must not make a page point elsewhere
    if uniform is None:
        return ""
    page = RunRecord(RunFolder(record.path / baseline(uniform[0]))).page
    return "" if page is None else quote(page.relative_to(record.path).as_posix())
