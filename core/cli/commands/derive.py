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
    help="Bits of the integers between the slots, such as sums.",
)
@click.option(
    "--limit",
    "limits",
    metavar="COST=AMOUNT",
    multiple=True,
    help="The most that another network of RUN's search may cost, such as bitops=2G. Can be repeated.",
)
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    help="How many steps to train for; required with --between [default: as RUN].",
)
@click.option(
    "--learning-rate",
    type=click.FloatRange(min=0, min_open=True),
    help="Learning rate [default: that of RUN's training].",
)
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, help="The folder of the new run.")
@no_code_option
@verbose_option
def derive(
    run: Path, between: str | None, limits: tuple[str, ...], steps: int | None, learning_rate: float | None, out: Path
) -> None:
    """Derive another network from RUN without searching again, as a run of its own. RUN stays as it is.

    With --between, the network that RUN found is tuned for integers between its slots. Some runtimes compute a
    convolution on integers only if its output is quantized too. The new run has RUN's architecture and starts from its
    weights: the new quantizers are calibrated, then the whole network is tuned.

    With --limit, another network of RUN's search is trained: the most probable one that keeps to the limits; RUN's
    other limits stay. It is an answer in the time of a training. The further the limits are from where RUN's search
    ended, the less its probabilities say about them.
    """
    from qnas.core.cli.running import run_and_show
    from qnas.core.files.folder import RunFolder
    from qnas.core.run.parent import derived_spec, limited_spec
    from qnas.core.run.record import RunRecord
    from qnas.core.run.run import run_spec

    parent, folder = RunRecord(RunFolder(run)), RunFolder(out)
    if bool(between) == bool(limits):
        raise click.UsageError("say what to derive: either --between or --limit")
    if between is None:
        spec = limited_spec(parent, dict(map(_limit, limits)), steps, learning_rate)
    elif steps is None:
        raise click.UsageError("--between needs --steps, how many steps to tune for")
    else:
        spec = derived_spec(parent, int(between), steps, learning_rate)

    def work(stop: "Stop") -> "dict[str, Any]":
        with parent.as_it_was():
            return run_spec(spec, folder, command=sys.argv, stop=stop, parent=parent)

    def resume_command() -> list[str]:
        if folder.has(SPEC):
            return ["qnas", "run", str(out / SPEC), "--out", str(out), "--resume"]
        return ["qnas", *sys.argv[1:]]

    run_and_show(folder, work, resume_command)


def _limit(text: str) -> tuple[str, str]:
    """The name and the amount of ``--limit``."""
    name, equals, amount = text.partition("=")
    if not (name and equals and amount):
        raise click.BadParameter(f"must be COST=AMOUNT, such as bitops=2G (got {text})", param_hint="--limit")
    return name, amount
