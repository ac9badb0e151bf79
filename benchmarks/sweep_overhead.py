"""What a sweep costs beside its runs: its own seconds of a processor, and the time to look at many finished runs.

    python benchmarks/sweep_overhead.py --out sweep_overhead.json     # about a quarter of an hour on two cores

A sweep of tiny runs is followed to its end. Its share is the processor time of the process that follows it, without
that of the runs, as a part of what one core had in that time: other work on the machine lowers it, so the seconds a run
are given too. Then its folder is made one of many finished runs, by links to the files of those that are there, and
looked at by a process of its own.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
from rounds import Target, out_option, write_json

from qnas.core.cli.main import invoke
from qnas.core.errors import QnasError

SPEC = """\
scale: 2
space: {name: basic, channels: 6, cells: 1, bits: [4, 8]}
data:
  train: {name: dead-leaves, amount: 4, size: 32}
  test: {leaves: {name: dead-leaves, amount: 1, size: 48, seed: 1}}
  validation: 1
  patch: 8
search: {steps: 3, epochs: 1, batch: 2, tuning: 0}
train: {steps: 1, batch: 2, validations: 1}
"""
SHARE, SECONDS = 0.05, 2.0
"""The most that following should take of a core, and that looking should take."""


def follow(folder: Path, runs: int, jobs: int) -> tuple[float, float]:
    """Seconds of a processor that following a sweep took, and its seconds."""
    spec = folder.parent / "tiny.yaml"
    spec.write_text(SPEC)
    began, computed = time.monotonic(), time.process_time()
    if invoke(["sweep", str(spec), "--seeds", str(runs), "--jobs", str(jobs), "--out", str(folder)]):
        raise QnasError("a run of the sweep failed")
    return time.process_time() - computed, time.monotonic() - began


def multiply(folder: Path, number: int) -> None:
    """Make a finished sweep one of more runs."""
    listed = json.loads((folder / "sweep.json").read_text())
    there = listed["points"]
    for index in range(len(there), number):
        like = there[index % len(there)]["folder"]
        name = f"seed-{index}"
        shutil.copytree(folder / like, folder / name, copy_function=os.link)
        for log in (folder / "logs").glob(f"{like}.*"):
            os.link(log, log.with_name(name + log.suffix))
        listed["points"].append({**there[index % len(there)], "folder": name, "seed": index})
    (folder / "sweep.json").write_text(json.dumps(listed))


def look(folder: Path) -> float:
    """Seconds that looking at a sweep takes, Python's start included."""
    began = time.monotonic()
    line = [sys.executable, "-m", "qnas", "sweep", "--status", str(folder)]
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


@click.command(help=__doc__.splitlines()[0])
@click.option("--runs", default=200, show_default=True, help="Of the sweep that is followed.")
@click.option("--jobs", default=2, show_default=True, help="Runs at a time.")
@click.option("--finished", default=1000, show_default=True, help="Runs that are looked at.")
@out_option
def main(runs: int, jobs: int, finished: int, out: Path | None) -> None:
    """Measure both."""
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "sweep"
        computed, seconds = follow(folder, runs, jobs)
        multiply(folder, finished)
        looked = min(look(folder) for _ in range(3))
    measured: dict[str, Any] = {
        "runs": runs,
        "jobs": jobs,
        "seconds": {"following, of a processor": computed, "following": seconds, "looking": looked},
        "finished": finished,
    }
    targets = [
        Target("following / a core", computed / seconds, SHARE),
        Target(f"seconds to look at {finished} finished runs", looked, SECONDS),
    ]
    for target in targets:
        click.echo(f"{target.what}: {target.ratio:.3f}, at most {target.at_most}: {target.verdict}")
    click.echo(f"following takes {computed / runs:.3f} s of a processor for each run")
    write_json(out, measured, targets)


if __name__ == "__main__":
    main()
