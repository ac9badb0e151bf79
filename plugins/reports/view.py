"""The pages of ``qnas view``: all runs of a folder, and one of them as it goes on."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qnas.core.drawing.wording import count, plural
from qnas.core.errors import InputError, as_input_error
from qnas.core.run.record import RunRecord
from qnas.core.view import Kept, RunList, Standing, ViewedRun
from qnas.plugins.reports.chart import Chart
from qnas.plugins.reports.curves import search_charts, train_charts
from qnas.plugins.reports.template import template

LIST = "view_list.html.j2"
RUN = "view_run.html.j2"
_DRAWN = Kept()


def list_page(runs: RunList, script: str) -> str:
    """The list as HTML."""
    finished = next((run.figures for run in runs.runs if run.figures), None)
    return template(LIST).render(
        runs=runs,
        script=script,
        cost=finished.cost if finished else None,
        at=finished.at if finished else "",
        progress=progress,
    )


def run_page(run: ViewedRun, script: str) -> str:
    """The page of a run as HTML."""
    curves, damage = _curves(run.record)
    return template(RUN).render(
        run=run,
        spec=_spec(run.record),
        script=script,
        curves=curves,
        damage=[*filter(None, (run.damage, damage))],
        progress=progress,
    )


def progress(standing: Standing) -> str:
    """How far a run is, in words: ``train, step 40 of 200``; ``""`` where that is not known."""
    if not standing.stage or not standing.steps:
        return standing.stage
    if not standing.step:
        return f"{standing.stage}, {plural(standing.steps, 'step')}"
    return f"{standing.stage}, step {count(standing.step)} of {count(standing.steps)}"


def _curves(record: RunRecord) -> tuple[dict[str, "list[_KeptChart]"], str]:
    """The charts of search and training, and why they can't be drawn."""
    charts: dict[str, list[_KeptChart]] = {"search": [], "train": []}
    damage = ""
    try:
        with as_input_error("the curves can't be drawn (a file may be damaged)"):
            if record.has_begun:
                charts = {"search": _kept(search_charts(record)), "train": _kept(train_charts(record))}
    except InputError as error:
        damage = str(error).removeprefix(f"{record.path}{os.sep}")
    return charts, damage


@dataclass(frozen=True)
class _KeptChart(Chart):
    """A chart that is drawn again only once it has changed."""

    def svg(self) -> str:
        """See :meth:`Chart.svg`."""
        return _DRAWN.get(repr(self), None, super().svg)


def _kept(charts: Sequence[Chart]) -> list[_KeptChart]:
    return [_KeptChart(chart.title, chart.lines, chart.marked_step, chart.joined) for chart in charts]


def _spec(record: RunRecord) -> Mapping[str, Any]:
    """The spec as it stands, empty where it can't be read."""
    try:
        return record.spec_data if record.has_begun else {}
    except InputError:
        return {}
