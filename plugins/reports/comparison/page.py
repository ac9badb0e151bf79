"""The page of a comparison: what its template is given, and the template filled in."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

from qnas.core.comparison import Comparison, FinishedRun, Group, facts_of
from qnas.plugins.reports.comparison.plot import NARROW, WIDE, ComparisonPlot
from qnas.plugins.reports.template import template

TEMPLATE = "comparison.html.j2"


def comparison_page(comparison: Comparison, plot: ComparisonPlot, folder: Path) -> str:
    """The page as HTML.

    Args:
        comparison: What it is about.
        plot: Its plot.
        folder: The folder that it will be in.
    """
    runs = comparison.runs
    made = facts_of(runs)
    context: dict[str, Any] = {
        "comparison": comparison,
        "looks": plot.looks,
        "plots": {"wide": plot.inline(WIDE), "narrow": plot.inline(NARROW)},
        "summary": _summary(comparison),
        "best": max(comparison.groups, key=lambda group: group.position[1]),
        "most": max(len(group.runs) for group in comparison.groups),
        "links": {run.folder: _link(run, folder) for run in runs},
        "facts": made,
        "version": next((", ".join(fact.words) for fact in made if fact.name == "qnas"), ""),
    }
    return template(TEMPLATE).render(context)


def _summary(comparison: Comparison) -> str:
    """The text alternative of the plot, for readers who can't see it."""
    axis = comparison.cost
    front = "; ".join(f"{_place(group)} {axis.unit}: {group.label}" for group in comparison.front)
    return f"PSNR Y on {comparison.test} over {axis.unit} {axis.size}. On the Pareto front are {front}".strip()


def _place(group: Group) -> str:
    cost, psnr = group.position
    return f"{psnr:.2f} dB at {cost:.3g}"


def _link(run: FinishedRun, folder: Path) -> str:
    """The path of the run's report relative to the page; ``""`` if there is none."""
    report = run.report
    if report is None:
        return ""
    try:
        return quote(os.fsencode(Path(os.path.relpath(report.resolve(), folder.resolve())).as_posix()))
    except ValueError:  # on another drive
        return ""
