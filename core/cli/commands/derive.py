"""``qnas derive``: another network from a finished run, without searching again."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qnas.core.cli.options import no_code_option, verbose_option
from qnas.core.run.names import SPEC

if TYPE_CHECKING:
    from qnas.core.run.resuming.stop import Stop


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--between",
    type=click.Choice(["8", "16"]),
    required=True,
    help="Bits of the integers between the slots, such as sums.",
)
@click.option("--steps", type=click.IntRange(min=1), required=True, help="How many steps to tune for.")
@click.option(
    "--learning-rate",
    type=click.FloatRange(min=0, min_open=True),
    help="Learning rate [default: that of RUN's training].",
)
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, help="The folder of the new run.")
@no_code_option
@verbose_option
def derive(run: Path, between: str, steps: int, learning_rate: float | None, out: Path) -> None:
    """Tune the network that RUN found for integers between its slots, as a run of its own.

    Some runtimes compute a convolution on integers only if its output is quantized too. The new run has RUN's
    architecture and starts from its weights: the new quantizers are calibrated, then the whole network is tuned. RUN
    stays as it is.
    """
    from qnas.core.cli.running import run_and_show
    from qnas.core.files.folder import RunFolder
    from qnas.core.run.parent import derived_spec
    from qnas.core.run.record import RunRecord
    from qnas.core.run.run import run_spec

    parent, folder = RunRecord(RunFolder(run)), RunFolder(out)
    spec = derived_spec(parent, int(between), steps, learning_rate)

    def work(stop: "Stop") -> "dict[str, Any]":
        with parent.as_it_was():
            return run_spec(spec, folder, command=sys.argv, stop=stop, parent=parent)

    def resume_command() -> list[str]:
        if folder.has(SPEC):
            return ["qnas", "run", str(out / SPEC), "--out", str(out), "--resume"]
        return ["qnas", *sys.argv[1:]]

    run_and_show(folder, work, resume_command)
