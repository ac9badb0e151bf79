"""``qnas run``: all stages of a spec."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qnas.core.cli.options import no_code_option, plugin_option, set_option, spec_argument, verbose_option
from qnas.core.run.names import SPEC, STAGES

if TYPE_CHECKING:
    from qnas.core.run.resuming.stop import Stop

_CHECKPOINT_SECONDS = 60.0


@click.command()
@spec_argument
@click.option("--out", type=click.Path(path_type=Path), help="The run's folder [default: runs/<name of the spec>].")
@click.option(
    "--resume",
    is_flag=True,
    help="Go on with a run: finished stages are not repeated, and the one that was stopped goes on from its last"
    " checkpoint. The results are the same as those of a run that was never stopped.",
)
@set_option
@click.option("--until", type=click.Choice(STAGES), default=STAGES[-1], help="The last stage to do.")
@click.option(
    "--checkpoint-every",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    default=_CHECKPOINT_SECONDS,
    help="Seconds between checkpoints, 0 for one after every step; less often if they would take more than 2 % of the"
    " time [default: 60]. SIGTERM and Ctrl-C also write one before the run ends.",
)
@click.option(
    "--tracker",
    "trackers",
    metavar="NAME",
    multiple=True,
    envvar="QNAS_TRACKER",
    help="Show the run in a tool while it is under way, such as tensorboard. It changes no result. Can be repeated; by"
    " default what QNAS_TRACKER names.",
)
@click.option(
    "--processes",
    metavar="N",
    type=click.IntRange(min=1),
    default=1,
    help="Search and train with N processes of this machine, each with its share of every batch. For several machines,"
    " start it with torchrun instead.",
)
@click.option("--progress-file", type=click.Path(path_type=Path), hidden=True)  # how a sweep follows its runs
@plugin_option
@no_code_option
@verbose_option
def run(
    spec: Path,
    out: Path | None,
    resume: bool,
    overrides: tuple[str, ...],
    until: str,
    checkpoint_every: float,
    trackers: tuple[str, ...],
    processes: int,
    progress_file: Path | None,
) -> None:
    """Search for a network, train it, evaluate it and write a report, as SPEC says."""
    from qnas.core.cli.processes import helping, start
    from qnas.core.cli.running import run_and_show
    from qnas.core.cli.tracking import tracking
    from qnas.core.ranks import environment
    from qnas.core.run.resuming.stop import stop_on_signals
    from qnas.core.run.run import run_spec
    from qnas.core.run.to_run import read_to_run

    with helping() as is_helper:
        file, folder = read_to_run(spec, overrides, out, resume=resume)

        def work(stop: "Stop") -> "dict[str, Any]":
            with file.locate_errors():
                return run_spec(
                    file.spec,
                    folder,
                    resume=resume,
                    until=until,
                    command=sys.argv,
                    checkpoint_every=checkpoint_every,
                    stop=stop,
                )

        def resume_command() -> list[str]:
            return _command(spec, out, folder.has(SPEC), overrides, until, checkpoint_every, trackers, processes)

        if processes > 1 and environment().size == 1:
            start(processes, sys.argv[1:], resume_command)
        elif is_helper:
            with stop_on_signals(lambda _: None) as stop:
                work(stop)
        else:
            with tracking(trackers):
                run_and_show(folder, work, resume_command, progress_file)


def _command(
    spec: Path,
    out: Path | None,
    resume: bool,
    overrides: tuple[str, ...],
    until: str,
    checkpoint_every: float,
    trackers: tuple[str, ...] = (),
    processes: int = 1,
) -> list[str]:
    """The command line that resumes the run."""
    from qnas.core.registry import given_plugin_files, is_foreign_code_refused

    return [
        *("qnas", "run", str(spec)),
        *(("--out", str(out)) if out else ()),
        *(part for override in overrides for part in ("--set", override)),
        *(part for file in given_plugin_files() for part in ("--plugin", file)),
        *(("--until", until) if until != STAGES[-1] else ()),
        *(("--checkpoint-every", f"{checkpoint_every:g}") if checkpoint_every != _CHECKPOINT_SECONDS else ()),
        *(part for tracker in trackers for part in ("--tracker", tracker)),
        *(("--processes", str(processes)) if processes > 1 else ()),
        *(("--no-code",) if is_foreign_code_refused() else ()),
        *(("--resume",) if resume else ()),
    ]
