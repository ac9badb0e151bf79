"""How much faster several processes search and train than one with one thread, at the same batches.

    python benchmarks/processes.py --out processes.json     # a few minutes; nothing else should run

Each round is a short run of one process and one of several, in turn; what counts are the seconds of the stages, without
the start of Python. Validation, which every process does for itself, is part of them.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import click
import yaml
from rounds import Target, out_option, ratio, report

from qnas.core.files.folder import RunFolder
from qnas.core.run.record import RunRecord

AT_MOST = 0.65
STAGES = ("search", "train")
SPEC: Mapping[str, object] = {
    "name": "processes",
    "scale": 2,
    "space": {"name": "basic", "channels": 36, "cells": 3, "bits": [4, 8], "residual": "adq"},
    "data": {
        "train": {"name": "dead-leaves", "amount": 24, "size": 96},
        "test": {"leaves": {"name": "dead-leaves", "amount": 1, "size": 96, "seed": 1}},
        "validation": 4,
        "patch": 48,
    },
    "search": {"steps": 24, "epochs": 1, "batch": 16, "warmup": 0, "tuning": 0},
    "train": {"steps": 60, "batch": 16, "validations": 1},
}


def seconds_of(processes: int) -> dict[str, float]:
    """Seconds of each stage of a run."""
    with tempfile.TemporaryDirectory() as parent:
        spec, out = Path(parent) / "spec.yaml", Path(parent) / "run"
        spec.write_text(yaml.safe_dump(dict(SPEC)))
        line = [sys.executable, "-m", "qnas", "run", str(spec), "--out", str(out), "--until", "train"]
        several = ["--processes", str(processes)] if processes > 1 else []
        subprocess.run([*line, *several], check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True)
        stages = RunRecord(RunFolder(out)).stages
        return {stage: float(stages[stage]["seconds"]) for stage in STAGES}


@click.command(help=__doc__.splitlines()[0])
@click.option("--processes", default=2, show_default=True, help="How many.")
@click.option("--rounds", default=5, show_default=True, help="How many runs of each.")
@out_option
def main(processes: int, rounds: int, out: Path | None) -> None:
    """Run both in turn."""
    numbers = (1, processes)
    seconds: dict[str, list[float]] = {_name(stage, number): [] for stage in STAGES for number in numbers}
    for turn in range(rounds):
        for number in numbers if turn % 2 else reversed(numbers):
            for stage, took in seconds_of(number).items():
                seconds[_name(stage, number)].append(took)
    pairs = [(_name(stage, processes), _name(stage, 1)) for stage in STAGES]
    targets = [Target(f"{several} / one", ratio(seconds, several, one), AT_MOST) for several, one in pairs]
    report(seconds, targets, out)


def _name(stage: str, processes: int) -> str:
    return f"{stage}, {processes} process{'es' * (processes > 1)}"


if __name__ == "__main__":
    main()
