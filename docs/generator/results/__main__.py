"""``python -m docs.generator.results RUNS...``: writes docs/results.md and its plots from the folders of runs."""

import sys
from pathlib import Path

import click

from qnas.core.comparison import find_runs
from qnas.core.errors import InputError, QnasError
from qnas.core.files.atomic import write_atomically
from qnas.plugins.reports.comparison.plot import ComparisonPlot

from .claims import claims
from .page import FOLDER, figure_name, results_page

DOCS = Path(__file__).parents[2]


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", default=DOCS, type=click.Path(path_type=Path), help="Where results.md goes [default: docs].")
@click.option("--test", metavar="SET", help="The test set to compare on [default: the one with the most images].")
def main(runs: tuple[Path, ...], out: Path, test: str | None) -> None:
    """Write results.md, and its plots beside it, from RUNS: folders of sweeps whose variants roles.py knows."""
    try:
        _write(runs, out, test)
    except QnasError as error:
        click.echo(str(error), err=True)
        sys.exit(error.exit_code)


def _write(runs: tuple[Path, ...], out: Path, test: str | None) -> None:
    found = find_runs(runs)
    if not found.runs:
        raise InputError("contains no finished run", str(runs[0]))
    made = claims(found, test)
    page = results_page(made, found, runs)
    plots = {figure_name(claim): ComparisonPlot(claim.comparison).file("svg") for claim in made if claim.comparison}
    for old in (out / FOLDER).glob("claim-*.svg"):
        if f"{FOLDER}/{old.name}" not in plots:
            old.unlink()
    for name, content in {**plots, "results.md": page.encode()}.items():
        write_atomically(out / name, content)
    for claim in made:
        click.echo(f"{claim.number}. {claim.title}: {claim.outcome}")


if __name__ == "__main__":
    main()
