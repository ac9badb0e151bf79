"""``qnas run``: all stages of a spec."""

import sys
from pathlib import Path

import click

from qnas.core.cli.options import set_option, spec_argument

STAGES = ("search", "derive", "train", "evaluate", "report")


@click.command()
@spec_argument
@click.option("--out", type=click.Path(path_type=Path), help="The run's folder [default: runs/<name of the spec>].")
@click.option("--resume", is_flag=True, help="Go on with a run: stages that ended are not done again.")
@set_option
@click.option("--until", type=click.Choice(STAGES), default=STAGES[-1], help="The last stage to do.")
def run(spec: Path, out: Path | None, resume: bool, overrides: tuple[str, ...], until: str) -> None:
    """Search, train, judge and explain a network as SPEC says."""
    from qnas.core.cli.progress import listening, show_progress
    from qnas.core.cli.summary import print_summary
    from qnas.core.engine import RunFolder, run_spec
    from qnas.core.spec import read_spec

    file = read_spec(spec, overrides)
    folder = RunFolder(out or Path("runs") / file.spec.name)
    with file.locate_errors(), show_progress() as progress, listening(progress):
        summary = run_spec(file.spec, folder, resume=resume, until=until, command=sys.argv)
    print_summary(summary, folder)
