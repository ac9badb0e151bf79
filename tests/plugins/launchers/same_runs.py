"""Whether runs are the same to the byte, but for times and what they say of their machine."""

import json
import re
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
    return {key: value for key, value in json.loads(path.read_text()).items() if "seconds" not in key}


def ends(folder: Path) -> int:
    """How often a run has ended, by its log."""
    return len(re.findall(r"report: done|report ended", (folder / "run.log").read_text()))
