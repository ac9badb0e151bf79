"""``qnas sweep``: a spec with many values and seeds, or the variants in a sweep file."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from qnas.core.cli.options import no_code_option, plugin_option, set_option, verbose_option
from qnas.core.cli.terminal.say import say

if TYPE_CHECKING:
    from rich.console import Console

    from qnas.core.components import Engine, Launcher
    from qnas.core.sweep.plan import Point
    from qnas.core.sweep.status import Status
    from qnas.core.sweep.sweep_file import Sweep

_FAILED = 1
_INTERRUPTED = 130


class _Asked(NamedTuple):
    """What the command line asks for, but for how it is followed."""

    spec: Path
    vary: tuple[str, ...]
    seeds: int | None
    jobs: int | None
    out: Path | None
    overrides: tuple[str, ...]
    only: tuple[str, ...]
    launcher: str
    fields: tuple[str, ...]

    def arguments(self, folder: Path) -> list[str]:
        """The arguments of qnas that ask for the same in this folder."""
        from qnas.core.registry import given_plugin_files, is_foreign_code_refused

        repeated = (
            *(("--vary", self.vary), ("--set", self.overrides), ("--only", self.only), ("--with", self.fields)),
            ("--plugin", given_plugin_files()),
        )
        return [
            *("sweep", str(self.spec), "--out", str(folder), "--launcher", self.launcher),
            *(part for option, values in repeated for value in values for part in (option, value)),
            *(("--seeds", str(self.seeds)) if self.seeds else ()),
            *(("--jobs", str(self.jobs)) if self.jobs else ()),
            *(("--no-code",) if is_foreign_code_refused() else ()),
        ]


@click.command()
@click.argument("spec", type=click.Path(path_type=Path), required=False)
@click.option(
    "--vary",
    metavar="KEY=VALUE,...",
    multiple=True,
    help="A field and its values, such as --vary regularizers.cost.weight=0,1e-4,1e-3. If repeated, every"
    " combination is a point.",
)
@click.option("--seeds", type=click.IntRange(min=1), help="Seeds to run each point with [default: 1].")
@click.option("--jobs", type=click.IntRange(min=1), help="Points to run at a time [default: 1, or the launcher's].")
@click.option("--out", type=click.Path(path_type=Path), help="The sweep's folder [default: runs/<SPEC's name>-sweep].")
@set_option
@click.option("--only", metavar="VARIANT", multiple=True, help="Only this variant of a sweep file. Can be repeated.")
@click.option(
    "--launcher",
    metavar="NAME",
    default="local",
    help="What starts the runs; qnas list launchers shows which there are [default: local].",
)
@click.option(
    "--with",
    "fields",
    metavar="FIELD=VALUE",
    multiple=True,
    help="Set a field of the launcher, such as --with gpus=2; qnas show launcher NAME names them. Can be repeated.",
)
@click.option(
    "--detach", is_flag=True, help="Leave the sweep to a process of its own, which goes on after this one has ended."
)
@click.option(
    "--status",
    "looked_at",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Show how the sweep in this folder stands, from any shell: live in a terminal, once elsewhere.",
)
@click.option(
    "--stop",
    "stopped",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Stop the sweep in this folder, from any shell of the machine that follows it. Its runs keep their state.",
)
@plugin_option
@no_code_option
@verbose_option
def sweep(
    spec: Path | None,
    vary: tuple[str, ...],
    seeds: int | None,
    jobs: int | None,
    out: Path | None,
    overrides: tuple[str, ...],
    only: tuple[str, ...],
    launcher: str,
    fields: tuple[str, ...],
    detach: bool,
    looked_at: Path | None,
    stopped: Path | None,
) -> int:
    """Run SPEC once for each value and seed, each run in a folder of its own.

    SPEC may also be a sweep file, with several variants of a spec:

    \b
        spec: base.yaml
        seeds: 3
        variants:
          searched: {vary: {regularizers.cost.weight: [0, 0.001]}}
          uniform:  {set: {space.operations: [native]}, vary: {space.bits: [[4], [8]]}}

    All specs are checked before anything runs. A point that fails does not stop the others. Repeat the
    command to go on: it skips what is done and retries what failed.
    """  # noqa: D301 - click wants it
    from qnas.core.cli.sweeping import show_sweep, stop_sweep

    if looked_at or stopped:
        return show_sweep(looked_at) if looked_at else stop_sweep(stopped or Path())
    if spec is None:
        raise click.UsageError("Missing argument 'SPEC'.")
    return _begin(_Asked(spec, vary, seeds, jobs, out, overrides, only, launcher, fields), detach)


def _begin(asked: _Asked, detach: bool) -> int:
    """Check everything, then run what is left or leave that to another process; returns the exit code."""
    from qnas.core.cli.launchers import named_launcher
    from qnas.core.cli.sweeping import leave_sweep
    from qnas.core.settings import SPEC_VERSION, as_of
    from qnas.core.spec import Assignment
    from qnas.core.sweep.index import sweep_version
    from qnas.core.sweep.plan import plan_points
    from qnas.core.sweep.status import begin_statuses
    from qnas.core.sweep.sweep_file import read_sweep

    launcher = named_launcher(asked.launcher, asked.fields, asked.jobs)
    varied = [Assignment.read(text, "--vary", "search.steps=50,100", "[{}]") for text in asked.vary]
    plan = read_sweep(asked.spec).only(asked.only).varied(varied).seeded(asked.seeds)
    folder = asked.out or _default_folder(asked.spec, plan)
    _refuse_other_folder(folder)
    version = sweep_version(folder)
    if version != SPEC_VERSION:
        say(f"the sweep began with version {version} of the spec: fields left out have the defaults of then")
    with as_of(version):
        points = plan_points(plan, asked.overrides, folder)
        statuses = begin_statuses(points, folder)
        if detach:
            return leave_sweep(folder, asked.arguments(folder))
        return _follow(points, statuses, launcher, folder)


def _default_folder(spec: Path, plan: "Sweep") -> Path:
    """A spec's sweep is not in the folder of its run, so that there can be both."""
    return Path("runs") / (spec.stem if plan.is_file else f"{spec.stem}-sweep")


def _refuse_other_folder(folder: Path) -> None:
    from qnas.core.errors import InputError
    from qnas.core.files.links import refuse_links_out
    from qnas.core.run.names import SPEC

    if (folder / SPEC).exists():
        raise InputError("it holds a run: choose another folder for the sweep with --out", str(folder))
    if folder.exists() and not folder.is_dir():
        raise InputError("it is not a folder: choose another with --out", str(folder))
    if folder.is_dir():
        refuse_links_out(folder)


def _follow(points: "Sequence[Point]", statuses: "Sequence[Status]", launcher: "Launcher", folder: Path) -> int:
    """Run what is left, and return the exit code."""
    import contextlib

    from qnas.core.files.atomic import make_folder
    from qnas.core.files.exclusive import exclusive
    from qnas.core.sweep.index import write_index
    from qnas.core.sweep.needs import plugins_of

    make_folder(folder)
    plugins = plugins_of([point.spec for point in points])
    with contextlib.closing(launcher.connect(folder, plugins)) as engine, exclusive(folder):
        write_index(folder, points)
        return _run(statuses, launcher, engine, folder)


def _run(statuses: "Sequence[Status]", launcher: "Launcher", engine: "Engine", folder: Path) -> int:
    from qnas.core.cli.terminal.console import Terminal
    from qnas.core.cli.terminal.sweep_table import show_statuses, table
    from qnas.core.sweep.runner import run_points

    console = Terminal()
    try:
        with show_statuses(statuses) as show:
            run_points(statuses, launcher, engine, show)
    except KeyboardInterrupt as error:
        done = sum(status.state == "done" for status in statuses)
        say(f"interrupted: {done} of {len(statuses)} points are done; repeat the command to go on")
        return getattr(error, "exit_code", _INTERRUPTED)
    console.print(table(statuses))
    return _conclude(statuses, folder, console)


def _conclude(statuses: "Sequence[Status]", folder: Path, console: "Console") -> int:
    from qnas.core.drawing.wording import plural

    failed = [status for status in statuses if status.state == "failed"]
    done = len(statuses) - len(failed)
    for status in failed:
        say(f"{status.point.folder} failed: {status.reason} (log: {status.log})")
    if failed:
        say(f"{len(failed)} of {plural(len(statuses), 'point')} failed; repeat the command to retry")
    if done:
        console.print(f"next: qnas compare {folder}", soft_wrap=True)
    return _FAILED if failed else 0
