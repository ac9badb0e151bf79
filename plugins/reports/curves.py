"""The curves of a run: the figures that are drawn over the steps of its search and of its training."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from qnas.core.drawing.wording import is_finite, with_prefix
from qnas.core.run.costs import stated_costs
from qnas.core.run.losses import PLAIN, minimized
from qnas.core.run.record import RunRecord
from qnas.core.visible import visible
from qnas.plugins.reports.chart import Chart, Line

History = Sequence[Mapping[str, Any]]


def search_charts(record: RunRecord) -> list[Chart]:
    """Loss, PSNR, expected costs and entropy during the search, as far as it has them."""
    history = record.history["search"]
    taken = taken_step(record)
    # The samples of a random search are not steps of one network.
    sampled = any("sample" in line for line in history)
    ours = "sampled network" if sampled else "network taken out"
    charts = [
        _loss_chart(record, "search", taken, not sampled),
        Chart(
            "PSNR Y on held-out images, dB",
            [_line(history, "psnr", ours), _line(history, "supernet_psnr", "supernet", "other")],
            taken,
            not sampled,
        ),
        *_cost_charts(record, history, taken, sampled),
        Chart("Mean entropy of a slot, nats", [_line(history, "entropy", "entropy")], taken),
    ]
    return _drawable(charts)


def _cost_charts(record: RunRecord, history: History, taken: float | None, sampled: bool) -> Iterator[Chart]:
    """A chart for each cost that changes."""
    first, *others = stated_costs(record.spec_data)
    for cost in (first, *others):
        values = [line[cost.name] for line in history if is_finite(line.get(cost.name))]
        size, unit = with_prefix(max(values, default=0), cost.sign)
        title = f"{cost.title}, {unit}".rstrip(", ")
        if min(values, default=0) < max(values, default=0) or cost is first:
            line = _line(history, cost.name, cost.title, unit=size)
            yield Chart(title if sampled else f"Expected {title}", [line], taken, not sampled)


def train_charts(record: RunRecord) -> list[Chart]:
    """Loss and PSNR while training the found network."""
    history, floating = (record.history[stage] for stage in ("train", "float"))
    best = record.stages["train"].get("best_step")
    psnr = [_line(history, "psnr", "found network")]
    if floating:
        psnr.append(_line(floating, "psnr", "the same in float", "other"))
    charts = [
        _loss_chart(record, "train", best),
        Chart("PSNR Y on held-out images, dB", psnr, best),
    ]
    return _drawable(charts)


def _loss_chart(record: RunRecord, stage: str, marked: float | None, joined: bool = True) -> Chart:
    what = minimized(record.spec_data, stage)
    title = f"Loss ({'mean absolute error' if what == PLAIN else visible(what)})"
    return Chart(title, [_line(record.history[stage], "loss", "loss")], marked, joined)


def taken_step(record: RunRecord) -> float | None:
    """The step of the search at which the found network was taken, None if unknown."""
    history = record.history["search"]
    epoch = record.stages["search"].get("best_epoch")
    if epoch is not None:
        return next((line["step"] for line in history if line.get("epoch") == epoch), None)
    judged = [line for line in history if is_finite(line.get("objective"))]
    return min(judged, key=lambda line: line["objective"])["step"] if judged else None


def _line(history: History, key: str, name: str, colour: str = "ours", unit: float = 1.0) -> Line:
    values = [line[key] / unit if is_finite(line.get(key)) else float("nan") for line in history]
    return Line(name, [line["step"] for line in history], values, colour)


def _drawable(charts: Sequence[Chart]) -> list[Chart]:
    """The charts that have something to show, without empty curves."""
    kept = [
        Chart(chart.title, [line for line in chart.lines if line.points()], chart.marked_step, chart.joined)
        for chart in charts
    ]
    return [chart for chart in kept if chart.lines]
