"""The last lines of ``qnas run``: what was found, and where to look."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from qnas.core.cli.terminal.baselines_table import baselines_table
from qnas.core.cli.terminal.console import Terminal
from qnas.core.cli.terminal.export_table import export_table
from qnas.core.cli.terminal.front_table import front_table
from qnas.core.cli.terminal.scores_table import scores_table
from qnas.core.drawing.wording import baseline, float_work
from qnas.core.files.folder import RunFolder
from qnas.core.run.beside import Beside
from qnas.core.run.costs import stated_costs
from qnas.core.run.front import Front
from qnas.core.run.names import as_named_now
from qnas.core.run.record import RunRecord


def print_summary(summary: Mapping[str, Any], folder: RunFolder) -> None:
    """Print the figures of result.json that are there so far."""
    console = Terminal()
    if summary["test"]:
        record = RunRecord(folder)
        console.print(scores_table(summary["test"], record.spec_data.get("scale")))
        images = record.stages["evaluate"].get("images") or {}
        for sentence in worse_than_baseline(images, baseline(record.spec_data.get("scale"))):
            console.print_prose(sentence)
        gap = summary["discretization_gap_db"]
        figures = [*_costs(summary, folder), *([] if gap is None else [f"discretization gap {gap:.2f} dB"])]
        console.print_prose(", ".join(figures))
        if limits := [*_limits(summary, folder)]:
            console.print_prose(f"limits: {', '.join(limits)}")
        _print_front(console, summary, folder)
        if judged := [*_judged(summary)]:
            console.print_prose(f"held out, at the end of the search: {', '.join(judged)}")
            if "uniform mix" in summary["judged"]:
                console.print_prose("uniform mix: native operations, with as many bits in each slot as fit")
        for work in [*(summary["float_work"] or {}).values()][:1]:  # an older qnas did not count it
            console.print_prose(f"also in float: {float_work(work)}")
        _print_baselines(console, Beside(summary), folder)
        _print_exported(console, folder)
    if summary["ties"]:
        console.print_prose(f"close choices in: {', '.join(summary['ties'])}")
    console.print(f"see {RunRecord(folder).page or folder.path}", soft_wrap=True)


def _print_front(console: Terminal, summary: Mapping[str, Any], folder: RunFolder) -> None:
    """Print the front of the search, if it looked for one, and how to train its other networks."""
    front = Front.of(summary, RunRecord(folder).spec_data)
    if front:
        console.print(front_table(front))
        if others := [str(row.number) for row in front.rows if not row.is_trained]:
            console.print(f"train another: qnas derive {folder.path} --front {others[0]} -o FOLDER", soft_wrap=True)


def _print_baselines(console: Terminal, beside: Beside, folder: RunFolder) -> None:
    """Print the found network beside its baselines, and what follows from that."""
    if beside.baselines:
        console.print(baselines_table(beside, stated_costs(RunRecord(folder).spec_data)))
        for sentence in beside.sentences:
            console.print_prose(sentence)


def _print_exported(console: Terminal, folder: RunFolder) -> None:
    """Print the files that the run ends with, and how alike their images are."""
    if exported := RunRecord(folder).stages["export"].get("targets"):
        console.print(export_table(exported))


def _costs(summary: Mapping[str, Any], folder: RunFolder) -> Iterator[str]:
    """Each cost in words; those that depend on the image at the smallest size, which is stated once."""
    by_size: dict[str, list[str]] = {}
    for cost in stated_costs(RunRecord(folder).spec_data):
        for size, value in [*cost.figures(as_named_now(summary)).items()][:1]:
            by_size.setdefault(size, []).append(cost.words(value))
    for size, texts in by_size.items():
        yield from [f"{' and '.join(texts)} at {size} LR"] if size else texts


def _limits(summary: Mapping[str, Any], folder: RunFolder) -> Iterator[str]:
    """Each limit in words, and the share of it that the found network uses."""
    costs = {cost.name: cost for cost in stated_costs(RunRecord(folder).spec_data)}
    for name, of in (summary.get("limits") or {}).items():
        share = f" ({of['used'] / of['limit']:.1%} used)" if of["limit"] else ""
        yield f"{costs[name].words(of['limit'])}{share}"


def worse_than_baseline(images: Mapping[str, Mapping[str, Mapping[str, Any]]], name: str) -> Iterator[str]:
    """Of each test set, on how many images the baseline has a higher PSNR on Y, and where by most.

    Args:
        images: The scores of each image by test set and name.
        name: What the baseline is called.
    """
    for test, of in images.items():
        losses = {name: _psnr(scores["bicubic"]) - _psnr(scores) for name, scores in of.items()}
        worse = {name: loss for name, loss in losses.items() if loss > 0}
        if worse:
            most = max(worse, key=lambda one: worse[one])
            loss = f"by {worse[most]:.2f} dB" if math.isfinite(worse[most]) else "which it gives exactly"
            yield f"{test}: {name} is better on {len(worse)} of {len(of)} images, most on {most}, {loss}"


def _psnr(scores: Mapping[str, Any]) -> float:
    """PSNR on Y; JSON has no infinity."""
    return math.inf if scores["psnr_y"] is None else float(scores["psnr_y"])


def _judged(summary: Mapping[str, Any]) -> Iterator[str]:
    """The PSNR of each network that was judged at the end of the search, and which was kept."""
    for name, of in (summary.get("judged") or {}).items():
        yield f"{name} {of['psnr']:.2f} dB{' (kept)' if name == summary['kept'] else ''}"
