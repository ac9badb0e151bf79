"""Kills runs at random moments of every stage, goes on with them, and says how many end as if nothing had happened.

    python benchmarks/crash.py --kills 20 --out crash.json

Each run is a process of its own, killed by SIGKILL (or, one in four, asked to stop by SIGTERM) once and then resumed.
It ends identical if every file is the same to the byte as that of a run which was never stopped; but the seconds in
results, the command line in environment.json and the report, which shows the seconds, may differ.
"""

import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import track
from rounds import Target, out_option, write_json

from qnas.core.sweep.progress import Progress, read_progress
from qnas.core.sweep.runner import qnas_run

STAGES = ("data", "search", "derive", "train", "evaluate", "report")
LOADING_SECONDS = 0.2  # of the stage data, about
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
MOST = 0.7  # of a stage, so that one that is a little faster than the reference is still met
MAY_DIFFER = {"environment.json", "report.html", "run.log"}


@dataclass(frozen=True)
class Reference:
    """A run that was never stopped.

    Attributes:
        spec: Its file.
        files: What it leaves, by name.
        seconds: Of its stages.
    """

    spec: Path
    files: Mapping[str, bytes]
    seconds: Mapping[str, float]


@dataclass(frozen=True)
class Kill:
    """What came of a run that was killed.

    Attributes:
        stage: That it was to be killed in.
        sent: The signal.
        at: Stage and step that it had last told.
        resumed: Lines that say where it went on.
        differing: Files that are not as they should be.
    """

    stage: str
    sent: str
    at: str
    resumed: Sequence[str]
    differing: Sequence[str]


def command(spec: Path, out: Path, progress: Path, resume: bool) -> list[str]:
    """A run that writes a checkpoint after every step."""
    return [*qnas_run(spec, out, progress, resume), "--checkpoint-every", "0"]


def files_of(folder: Path) -> dict[str, bytes]:
    """All that must be the same."""
    names = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    return {name: _without_seconds(path) for name, path in names.items() if name not in MAY_DIFFER}


def _without_seconds(path: Path) -> bytes:
    if path.name != "result.json":
        return path.read_bytes()
    result: dict[str, Any] = json.loads(path.read_bytes())
    return json.dumps({key: value for key, value in result.items() if key != "seconds"}).encode()


def reference(folder: Path, search: str, init: str) -> Reference:
    """Do a run without a stop."""
    folder.mkdir()
    spec, out = folder / "spec.yaml", folder / "run"
    spec.write_text(SPEC.replace("SEARCH", search).replace("INIT", init))
    subprocess.run(command(spec, out, folder / "progress", False), check=True, capture_output=True)
    seconds = json.loads((out / "result.json").read_text())["seconds"]
    return Reference(spec, files_of(out), {"data": LOADING_SECONDS, **seconds})


def kill(one: Reference, folder: Path, stage: str, number: signal.Signals, share: float) -> Kill:
    """Kill a run after ``share`` of a stage, and go on with it.

    Args:
        one: What it should end as.
        folder: Where, which does not exist.
        stage: When.
        number: How.
        share: Of the time that the stage took without a stop, in 0..1.
    """
    folder.mkdir()
    out, progress = folder / "run", folder / "progress"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command(one.spec, out, progress, False), **quiet)
    at = _wait_for(process, progress, stage)
    time.sleep(share * one.seconds[stage])
    at = read_progress(progress, at)
    process.send_signal(number)
    process.wait()
    again = command(one.spec, out, progress, out.exists())
    resumed = subprocess.run(again, check=True, capture_output=True, text=True)
    lines = [line for line in resumed.stderr.splitlines() if "goes on" in line or "warning" in line]
    left = files_of(out)
    differing = sorted(name for name in {*left, *one.files} if left.get(name) != one.files.get(name))
    return Kill(stage, number.name, f"{at.stage or 'before'} {at.step}", lines, differing)


def _wait_for(process: "subprocess.Popen[bytes]", progress: Path, stage: str) -> Progress:
    """How far the run is once the stage has begun."""
    at = Progress()
    while process.poll() is None and at.stage not in STAGES[STAGES.index(stage) :]:
        time.sleep(0.005)
        at = read_progress(progress, at)
    return at


def kills(many: int, seed: int, folder: Path) -> list[Kill]:
    """Kill so many runs, of all kinds of search, in all stages alike."""
    chance, console = random.Random(seed), Console(stderr=True)
    references = [
        reference(folder / f"reference-{i}", search, init)
        for i, (search, init) in enumerate(track(SEARCHES.items(), "references", console=console))
    ]
    return [
        kill(
            references[i % len(references)],
            folder / f"{i}",
            STAGES[(i + i // len(STAGES)) % len(STAGES)],  # so that each kind meets each stage
            chance.choice([signal.SIGTERM, *[signal.SIGKILL] * 3]),
            MOST * chance.random(),
        )
        for i in track(range(many), "kills", console=console)
    ]


@click.command(help=__doc__.splitlines()[0])
@click.option("--kills", "many", default=20, show_default=True, help="How many runs to kill.")
@click.option("--seed", default=0, show_default=True, help="Decides the moments.")
@out_option
def main(many: int, seed: int, out: Path | None) -> None:
    """Kill, resume, compare."""
    with tempfile.TemporaryDirectory() as folder:
        done = kills(many, seed, Path(folder))
    console = Console(highlight=False, markup=False)
    for one in done:
        verdict = f"differs in {', '.join(one.differing)}" if one.differing else "identical"
        went_on = "; ".join(one.resumed) or "no loop went on"
        console.print(f"{one.sent} in {one.stage} (at {one.at}): {went_on}: {verdict}", soft_wrap=True)
    differing = sum(bool(one.differing) for one in done)
    console.print(f"{len(done) - differing} of {len(done)} ended identical")
    write_json(out, {"kills": [asdict(one) for one in done]}, [Target("runs that differ", differing, 0)])
    sys.exit(bool(differing))


if __name__ == "__main__":
    main()
