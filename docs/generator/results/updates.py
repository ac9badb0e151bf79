"""``python -m docs.generator.results.updates RUNS...``: what a joint update gains and loses, from runs' folders."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from qnas.core.comparison import FoundRuns, Group, compare_runs, find_runs
from qnas.core.errors import QnasError

from ..markdown import table
from .stability import pooled, search_ratio, told
from .trade_off import verdict_on
from .verdict import UNKNOWN

ALTERNATING = "alternating"
JOINT = {"joint-same-steps": "the same steps", "joint-same-time": "the same time"}
SPACES = {"": "basic", "rfdn-": "quantnas-rfdn"}
"""What the variants of a space begin with to the space."""

_HEAD = (
    "space",
    "joint at",
    "better than alternating",
    "time of the search",
    "deviation over seeds, joint",
    "alternating",
)


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--test", metavar="SET", help="The test set to compare on [default: the one with the most images].")
def main(runs: tuple[Path, ...], test: str | None) -> None:
    """Print, as a table, joint against alternating from RUNS: folders of specs/experiments/update-cpu.yaml."""
    try:
        found = find_runs(runs)
        rows = [row for prefix, space in SPACES.items() for row in _rows(space, _groups(found, prefix, test))]
    except QnasError as error:
        click.echo(str(error), err=True)
        sys.exit(error.exit_code)
    click.echo(table(_HEAD, rows))


def _groups(found: FoundRuns, prefix: str, test: str | None) -> Mapping[str, Sequence[Group]]:
    """The groups of a space by the variant's name without the prefix; none for a variant that has not run."""
    names = [prefix + name for name in (ALTERNATING, *JOINT)]
    runs = tuple(run for run in found.runs if run.point and run.point.variant in names)
    groups = compare_runs(FoundRuns(runs, ()), test).groups if runs else []
    return {name.removeprefix(prefix): [group for group in groups if group.variant == name] for name in names}


def _rows(space: str, groups: Mapping[str, Sequence[Group]]) -> list[tuple[str, ...]]:
    baseline = groups[ALTERNATING]
    return [
        (
            space,
            at,
            str(verdict_on(groups[name], baseline, ALTERNATING)),
            told(search_ratio(groups[name], baseline)),
            str(pooled(groups[name]) or UNKNOWN),
            str(pooled(baseline) or UNKNOWN),
        )
        for name, at in JOINT.items()
    ]


if __name__ == "__main__":
    main()
