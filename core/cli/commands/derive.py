"""``qnas derive``: another network from a finished run, without searching again."""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qnas.core.cli.options import no_code_option, verbose_option
from qnas.core.run.names import SPEC

if TYPE_CHECKING:
    from collections.abc import Callable

    from qnas.core.files.folder import RunFolder
    from qnas.core.run.record import RunRecord
    from qnas.core.run.resuming.stop import Stop
    from qnas.core.spec import Spec


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
    "--front",
    metavar="NUMBER|all",
    help="Which point of the front that RUN's search found, from 1 for the cheapest; or all that RUN has not trained.",
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
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="The folder of the new run; with --front all, of all.",
)
@no_code_option
@verbose_option
def derive(
    run: Path,
    between: str | None,
    limits: tuple[str, ...],
    front: str | None,
    steps: int | None,
    learning_rate: float | None,
    out: Path,
) -> None:
    """Derive another network from RUN without searching again, as a run of its own. RUN stays as it is.

    With --between, the network that RUN found is tuned for integers between its slots. Some runtimes compute a
    convolution on integers only if its output is quantized too. The new run has RUN's architecture and starts from its
    weights: the new quantizers are calibrated, then the whole network is tuned.

    With --limit, another network of RUN's search is trained: the most probable one that keeps to the limits; RUN's
    other limits stay. It is an answer in the time of a training. The further the limits are from where RUN's search
    ended, the less its probabilities say about them.

    With --front, a network of the front is trained that RUN's search found, under search.front. With --front all, each
    point has a folder in the new one, such as front-1. The same command goes on with those that were stopped.
    """
    from qnas.core.errors import InputError
    from qnas.core.files.folder import RunFolder
    from qnas.core.run.deployment.models import is_model
    from qnas.core.run.parent import (
        begin_point,
        choose_again,
        derived_spec,
        front_spec,
        limited_spec,
        points_left,
        take_over,
    )
    from qnas.core.run.record import RunRecord

    if is_model(run):
        raise InputError("is a model, which has neither a search nor its images: derive needs a run", str(run))
    parent = RunRecord(RunFolder(run))
    if sum(map(bool, (between, limits, front))) != 1:
        raise click.UsageError("say what to derive: either --between or --limit or --front")
    if front == "all":
        for number in points_left(parent):
            spec = front_spec(parent, number, steps, learning_rate)
            _run(parent, spec, out / f"front-{number}", partial(begin_point, parent, number, spec), goes_on=True)
    elif front is not None:
        number = _number(front)
        spec = front_spec(parent, number, steps, learning_rate)
        _run(parent, spec, out, partial(begin_point, parent, number, spec))
    elif between is None:
        spec = limited_spec(parent, dict(map(_limit, limits)), steps, learning_rate)
        _run(parent, spec, out, partial(choose_again, parent, spec))
    elif steps is None:
        raise click.UsageError("--between needs --steps, how many steps to tune for")
    else:
        _run(parent, derived_spec(parent, int(between), steps, learning_rate), out, partial(take_over, parent))


def _run(
    parent: "RunRecord", spec: "Spec", out: Path, begin: "Callable[[RunFolder], object]", *, goes_on: bool = False
) -> None:
    """Run what was derived.

    Args:
        parent: The run that it is derived from.
        spec: Its own.
        out: Its folder.
        begin: Writes what it takes from its parent into its folder.
        goes_on: Whether a run in the folder is gone on with; else it is refused.
    """
    from qnas.core.cli.running import run_and_show
    from qnas.core.files.folder import RunFolder
    from qnas.core.run.run import run_spec

    folder = RunFolder(out)

    def work(stop: "Stop") -> "dict[str, Any]":
        with parent.as_it_was():
            resume = goes_on and folder.has(SPEC)
            return run_spec(spec, folder, resume=resume, command=sys.argv, stop=stop, begin=begin)

    def resume_command() -> list[str]:
        if folder.has(SPEC) and not goes_on:
            return ["qnas", "run", str(out / SPEC), "--out", str(out), "--resume"]
        return ["qnas", *sys.argv[1:]]

    run_and_show(folder, work, resume_command)


def _number(text: str) -> int:
    """The number of ``--front``."""
    if not text.isdecimal():
        raise click.BadParameter(f"must be a number or all (got {text})", param_hint="--front")
    return int(text)


def _limit(text: str) -> tuple[str, str]:
    """The name and the amount of ``--limit``."""
    name, equals, amount = text.partition("=")
    if not (name and equals and amount):
        raise click.BadParameter(f"must be COST=AMOUNT, such as bitops=2G (got {text})", param_hint="--limit")
    return name, amount
