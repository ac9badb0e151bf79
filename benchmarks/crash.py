"""Kills runs at random moments, resumes them, and reports how many end as if nothing had happened.

    python benchmarks/crash.py --kills 20 --out crash.json

Each run is a separate process. It is ended once, by SIGKILL or, in one case of four, by SIGTERM, which asks it to stop;
then it is resumed. Six of ten are ended in the loops of the search and of the training, at any step. Half of them write
a checkpoint after every step, half only occasionally. A run counts as identical if every file has the same bytes as
that of a run that was never stopped, except for the seconds in results, the command line in environment.json and the
report, which shows the seconds.

It also reports what a checkpoint costs in the published space.
"""

import json
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import checkpoint
import click
from rich.console import Console
from rich.progress import track
from rounds import Target, out_option, write_json

from qnas.core.run.names import STAGES as REAL_STAGES
from qnas.core.run.stages.planned import planned_steps
from qnas.core.spec import load_spec
from qnas.core.sweep.progress import Progress, read_progress
from qnas.core.sweep.runner import qnas_run

ORDER = ("data", *REAL_STAGES)
LOOPS = ("search", "train")
STAGES = ("search", "train", "data", "search", "train", "derive", "evaluate", "search", "train", "report")
"""The stages in which runs are ended, in turn."""
LOADING_SECONDS = 0.2  # roughly what the stage data takes
STEPS = 80
SPEC = f"""\
scale: 2
device: cpu
space: {{name: basic, channels: 6, cells: 1, bits: [4, 8]}}
data:
  train: {{name: dead-leaves, amount: 12, size: 32}}
  test: {{leaves: {{name: dead-leaves, amount: 2, size: 48, seed: 1}}}}
  validation: 2
  patch: 8
search: SEARCH
train: {{steps: {STEPS}, batch: 2, validations: 4, init: INIT, on_divergence: lower-rate}}
"""
SEARCHES = {
    f"{{steps: {STEPS}, epochs: 4, batch: 2, alpha_learning_rate: 0.1}}": "supernet",
    f"{{steps: {STEPS}, epochs: 4, batch: 2, relaxation: gumbel, on_divergence: lower-rate}}": "scratch",
    f"{{name: random, samples: 4, steps: {STEPS // 4}, batch: 2}}": "scratch",
}
INTERVALS = (0.0, 0.3)  # seconds between two checkpoints of a run that is ended
SELDOM = 60.0  # the same for a run that is not ended
MOST = 0.7  # share of a stage, so that the signal still hits a stage that is a little faster than the reference
STEP_SECONDS = 0.02  # roughly
TRIES = 5
MAY_DIFFER = {"environment.json", "report.html", "run.log"}
TELLING = "from qnas.core.sweep import progress; progress._SECONDS = 0; from qnas.core.cli.main import main; main()"
"""The command ``qnas``, except that it reports every step."""
ENDED_BY = {signal.SIGKILL: {-signal.SIGKILL}, signal.SIGTERM: {-signal.SIGTERM, 128 + signal.SIGTERM}}
"""The exit codes of a process that was ended by the signal and by nothing else."""


@dataclass(frozen=True)
class Reference:
    """A run that was never stopped.

    Attributes:
        spec: The file of its spec.
        files: The contents of its files, by name.
        seconds: How long each stage took.
        steps: How many steps each loop has.
    """

    spec: Path
    files: Mapping[str, bytes]
    seconds: Mapping[str, float]
    steps: Mapping[str, int]


@dataclass(frozen=True)
class Moment:
    """When and how a run is ended.

    Attributes:
        stage: The stage in which it is ended.
        step: The step of that stage after which it is ended.
        seconds: How long after that step.
        number: The signal that ends it.
        every: Seconds between two of the run's checkpoints.
    """

    stage: str
    step: int
    seconds: float
    number: signal.Signals
    every: float


@dataclass(frozen=True)
class Kill:
    """The outcome of a run that was ended.

    Attributes:
        stage: The stage in which it was to be ended.
        sent: The signal.
        code: The exit code of the process.
        checkpoint_every: Seconds between two of its checkpoints.
        at: The stage and step that it had reported last.
        resumed: Lines of output that say where it resumed.
        went_on: Whether it resumed from a checkpoint in a loop.
        differing: Files that differ from those of the reference.
    """

    stage: str
    sent: str
    code: int
    checkpoint_every: float
    at: str
    resumed: Sequence[str]
    went_on: bool
    differing: Sequence[str]


def command(spec: Path, out: Path, progress: Path, resume: bool, every: float) -> list[str]:
    """The command line of a run that reports every step."""
    line = qnas_run(spec, out, progress, resume)
    return [line[0], "-P", "-c", TELLING, *line[line.index("run") :], "--checkpoint-every", f"{every:g}"]


def files_of(folder: Path) -> dict[str, bytes]:
    """The contents of all files that must be identical."""
    names = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    return {name: _without_seconds(path) for name, path in names.items() if name not in MAY_DIFFER}


def _without_seconds(path: Path) -> bytes:
    if path.name != "result.json":
        return path.read_bytes()
    result: dict[str, Any] = json.loads(path.read_bytes())
    return json.dumps({key: value for key, value in result.items() if key != "seconds"}).encode()


def reference(folder: Path, search: str, init: str) -> Reference:
    """Do a run without stopping it."""
    folder.mkdir()
    spec, out = folder / "spec.yaml", folder / "run"
    spec.write_text(SPEC.replace("SEARCH", search).replace("INIT", init))
    subprocess.run(command(spec, out, folder / "progress", False, SELDOM), check=True, capture_output=True)
    seconds = json.loads((out / "result.json").read_text())["seconds"]
    steps = {stage: planned_steps(load_spec(spec), stage) for stage in LOOPS}
    return Reference(spec, files_of(out), {"data": LOADING_SECONDS, **seconds}, steps)


def moment(one: Reference, stage: str, every: float, chance: random.Random) -> Moment:
    """A random moment: in a loop at any step, in another stage at any time."""
    number = chance.choice([signal.SIGTERM, *[signal.SIGKILL] * 3])
    if stage in LOOPS:
        return Moment(stage, chance.randrange(1, one.steps[stage] - 1), STEP_SECONDS * chance.random(), number, every)
    return Moment(stage, 0, MOST * chance.random() * one.seconds[stage], number, every)


def kill(one: Reference, folder: Path, when: Moment) -> Kill | None:
    """End a run, and resume it; None if it finished before the signal.

    Args:
        one: The reference that it should match.
        folder: A folder to run in, which does not exist yet.
        when: When and how to end it.
    """
    folder.mkdir()
    out, progress = folder / "run", folder / "progress"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command(one.spec, out, progress, False, when.every), **quiet)
    at = _wait_for(process, progress, when)
    time.sleep(when.seconds)
    process.send_signal(when.number)
    code = process.wait()
    at = read_progress(progress, at)
    if code not in ENDED_BY[when.number]:
        return None
    again = command(one.spec, out, progress, out.exists(), SELDOM)
    resumed = subprocess.run(again, check=True, capture_output=True, text=True)
    lines = [line for line in resumed.stderr.splitlines() if "goes on" in line or "warning" in line]
    left = files_of(out)
    return Kill(
        when.stage,
        when.number.name,
        code,
        when.every,
        f"{at.stage or 'before'} {at.step}",
        lines,
        went_on=any(re.search(r"goes on after step [1-9]", line) for line in lines),
        differing=sorted(name for name in {*left, *one.files} if left.get(name) != one.files.get(name)),
    )


def _wait_for(process: "subprocess.Popen[bytes]", progress: Path, when: Moment) -> Progress:
    """The progress of the run when it reaches the moment."""
    at = Progress()
    while process.poll() is None and not _is_there(at, when):
        time.sleep(0.002)
        at = read_progress(progress, at)
    return at


def _is_there(at: Progress, when: Moment) -> bool:
    stage = ORDER.index(at.stage) if at.stage else -1
    return (stage, at.step) >= (ORDER.index(when.stage), when.step)


def kills(many: int, seed: int, folder: Path) -> list[Kill]:
    """End that many runs, with all kinds of search."""
    chance, console = random.Random(seed), Console(stderr=True)
    references = [
        reference(folder / f"reference-{i}", search, init)
        for i, (search, init) in enumerate(track(SEARCHES.items(), "references", console=console))
    ]
    return [
        _met(
            references[i % len(references)],
            folder / f"{i}",
            STAGES[i % len(STAGES)],
            INTERVALS[i // 2 % len(INTERVALS)],  # so that each stage gets each interval
            chance,
        )
        for i in track(range(many), "kills", console=console)
    ]


def _met(one: Reference, folder: Path, stage: str, every: float, chance: random.Random) -> Kill:
    """End a run; if it finished before the signal, try with another.

    Raises:
        RuntimeError: Every run finished before the signal.
    """
    for number in range(TRIES):
        done = kill(one, folder.with_name(f"{folder.name}-{number}"), moment(one, stage, every, chance))
        if done is not None:
            return done
    raise RuntimeError(f"{TRIES} runs that should have been ended in {stage} all finished before the signal")


def _summary(one: Kill) -> str:
    verdict = f"differs in {', '.join(one.differing)}" if one.differing else "identical"
    went_on = "; ".join(one.resumed) or "no loop was resumed"
    every = f"checkpoints every {one.checkpoint_every:g} s"
    return f"{one.sent} in {one.stage} (at {one.at}, ended with {one.code}, {every}): {went_on}: {verdict}"


@click.command(help=__doc__.splitlines()[0])
@click.option("--kills", "many", default=20, show_default=True, help="How many runs to end.")
@click.option("--seed", default=0, show_default=True, help="Seed of the random moments.")
@out_option
def main(many: int, seed: int, out: Path | None) -> None:
    """Kill, resume, compare."""
    with tempfile.TemporaryDirectory() as folder:
        done = kills(many, seed, Path(folder))
    price = checkpoint.price()
    console = Console(highlight=False, markup=False)
    for one in done:
        console.print(_summary(one), soft_wrap=True)
    differing, went_on = sum(bool(one.differing) for one in done), sum(one.went_on for one in done)
    console.print(f"{went_on} of {len(done)} resumed from a checkpoint in a loop")
    console.print(f"{len(done) - differing} of {len(done)} match a run that was never stopped")
    console.print(
        f"a checkpoint of the published space: {price.size_bytes / 1e6:.1f} MB, {1e3 * price.seconds:.0f} ms,"
        f" {price.share:.2%} of the time",
        soft_wrap=True,
    )
    figures = {"kills": [asdict(one) for one in done], "went_on_in_a_loop": went_on, "checkpoint": asdict(price)}
    write_json(out, figures, [Target("runs that differ", differing, 0)])
    sys.exit(bool(differing))


if __name__ == "__main__":
    main()
