"""What is the same in two runs to the byte: all but times, and what they say of their machine."""

import json
from pathlib import Path
from typing import Any

_OF_MACHINE = {"environment.json", "run.log", "report.html"}


def run_files(folder: Path) -> dict[str, Any]:
    """The files of a run by name, as they are compared."""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: _compared(path) for name, path in sorted(found.items()) if name not in _OF_MACHINE}


def _compared(path: Path) -> Any:
    if path.name != "result.json":
        return path.read_bytes()
    return {key: value for key, value in json.loads(path.read_text()).items() if key != "seconds"}


def refuse_different(runs: Path, others: Path, number: int) -> None:
    """Check that all seeds of two sweeps gave the same, each run once."""
    for seed in range(number):
        folder, other = runs / f"seed-{seed}", others / f"seed-{seed}"
        assert run_files(folder) == run_files(other)
        assert (folder / "run.log").read_text().count("report ended") == 1
