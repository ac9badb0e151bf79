"""``qnas report``: the page of a run, written again from its folder."""

from pathlib import Path

import click

from qnas.core.cli.options import no_code_option, run_argument, verbose_option


@click.command()
@run_argument
@click.option("--report", "name", metavar="NAME", help="Which report to write [default: the one in the run's spec].")
@no_code_option
@verbose_option
def report(run: Path, name: str | None) -> None:
    """Write the page of the finished RUN again, from its folder alone: no images and no device are needed."""
    from qnas.core.components import Report
    from qnas.core.files.exclusive import exclusive
    from qnas.core.files.folder import RunFolder
    from qnas.core.registry import plugins
    from qnas.core.run.record import RunRecord

    record = RunRecord(RunFolder(run))
    record.refuse_unfinished()
    record.folder.refuse_links()
    if name is not None:
        plugins().registries["report"].load(name)  # an unknown one is refused
    with record.as_it_was(), exclusive(run):
        chosen = record.report if name is None else Report.of(name)
        file = chosen.write(record.folder)
    click.echo(f"see {run / file}")
