"""``qnas compare``: finished runs side by side."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qnas.core.cli.options import no_code_option, verbose_option
from qnas.core.cli.terminal.say import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qnas.core.comparison import LeftOut


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUNS...", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("comparison"),
    show_default=True,
    help="The folder for compare.html, .svg, .png and .csv; existing ones are replaced.",
)
@click.option("--test", metavar="SET", help="The test set to compare on [default: the one with the most images].")
@click.option(
    "--cost",
    help="What to compare over: a cost of the runs' specs, or of qnas list costs, or 'measured', the latency that qnas"
    " bench measured [default: the first cost].",
)
@click.option(
    "--title", default="", help="A title for the comparison [default: the names of the folders, or the number of runs]."
)
@click.option("--report", metavar="NAME", default="html", show_default=True, help="The report that draws it.")
@no_code_option
@verbose_option
def compare(runs: tuple[Path, ...], out: Path, test: str | None, cost: str | None, title: str, report: str) -> None:
    """Compare finished RUNS: one table, and one plot of PSNR over a cost with its Pareto front.

    RUNS are folders of runs, or folders that contain some at any depth, such as a sweep's. Runs whose specs differ only
    in their seeds share a row.
    """
    from qnas.core.cli.terminal.comparison_table import print_comparison
    from qnas.core.cli.terminal.console import Terminal
    from qnas.core.comparison import compare_runs, comparison_files, find_runs
    from qnas.core.comparison.cells import ON_FRONT
    from qnas.core.components import Report
    from qnas.core.errors import InputError
    from qnas.core.files.atomic import write_atomically
    from qnas.core.registry import plugins

    if out.exists() and not out.is_dir():
        raise InputError("it is not a folder: choose another with --out", str(out))
    plugins().registries["report"].load(report)  # an unknown one is refused before anything is read
    found = find_runs(runs)
    _print_left_out(found.left_out)
    comparison = compare_runs(found, test, cost, title or _title(runs))
    _print_left_out(comparison.left_out[len(found.left_out) :])
    for notice in comparison.notices:
        Terminal(stderr=True).print_prose(f"warning: {notice}")
    # Everything is made before anything is written.
    files = comparison_files(Report.of(report), comparison, out)
    for name, content in files.items():
        write_atomically(out / name, content)
    # A file or a pipe has no width to fold the table to.
    console = Terminal(width=None if sys.stdout.isatty() else 200)
    print_comparison(console, comparison)
    console.print_prose(f"* {ON_FRONT}")
    if volumes := comparison.hypervolumes:
        figures = ", ".join(
            f"{name} {volume:.3f} dB" if name else f"{volume:.3f} dB" for name, volume in volumes.items()
        )
        console.print_prose(f"hypervolume: {figures}")
    console.print(f"see {out / next(iter(files))}, with {', '.join(list(files)[1:])} beside it", soft_wrap=True)


def _print_left_out(left_out: "Sequence[LeftOut]") -> None:
    for one in left_out:
        say(f"left out: {one.folder}: {one.why}")


def _title(runs: tuple[Path, ...]) -> str:
    """The names of the folders, or ``""`` if there are too many."""
    names = [path.name for path in dict.fromkeys(path.resolve() for path in runs)]
    return ", ".join(names) if len(names) < 4 else ""
