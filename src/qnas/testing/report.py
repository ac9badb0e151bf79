"""The contract of reports."""

import functools
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest import mock

from qnas.core.components import Report
from qnas.core.files.folder import RunFolder
from qnas.core.run.run import run_spec
from qnas.core.spec import Spec
from qnas.testing.contract import contract
from qnas.testing.failure import told_as

Files = Mapping[str, bytes]
_SPACE = {"name": "basic", "channels": 6, "cells": 1}
_SPACES: Mapping[str, Mapping[str, Any]] = {
    "a search": _SPACE,
    "a network without a search": {**_SPACE, "bits": [4], "operations": ["native"]},
}
_SPEC: Mapping[str, Any] = {
    "name": "small",
    "device": "cpu",
    "data": {
        "train": {"name": "dead-leaves", "amount": 8, "size": 32},
        "test": {"leaves": {"name": "dead-leaves", "amount": 2, "size": 32, "seed": 1}},
        "validation": 2,
        "patch": 8,
    },
    "search": {"name": "differentiable", "steps": 4, "epochs": 2, "batch": 2},
    "train": {"steps": 2, "batch": 2, "validations": 1},
}


def check_report(reference: Report | str | Mapping[str, Any], *, seed: int = 0) -> None:
    """Check that a report meets its contract, for two small runs that are made for the check.

    It writes the file that it names, inside the run's folder, and does not change the files already there.

    Args:
        reference: A report, its name, or a mapping of its name and fields.
        seed: Seed of the runs.

    Raises:
        AssertionError: It breaks its contract.
    """
    with contract(Report.of, reference) as report:
        for run in _SPACES:
            with told_as(f"for the run of {run}"):
                _check_run(report, _finished(run, seed))


def _check_run(report: Report, run: Files) -> None:
    with tempfile.TemporaryDirectory() as parent:
        folder = RunFolder(Path(parent) / "run")
        for name, content in run.items():
            folder.write_bytes(name, content)
        named: object = report.write(folder)
        files = _files(Path(parent))
    assert isinstance(named, str), f"it returns {named!r} as the name of its file, which is not a string"
    inside = {path.removeprefix("run/"): content for path, content in files.items() if path.startswith("run/")}
    outside = [path for path in files if not path.startswith("run/")]
    assert not outside, f"it writes outside the run's folder: {', '.join(outside)}"
    written = inside.keys() - run.keys()
    assert named in written, f"it names '{named}', but writes {', '.join(sorted(written)) or 'nothing'}"
    assert inside[named], f"the file that it writes, '{named}', is empty"
    changed = [name for name, content in run.items() if inside.get(name) != content]
    assert not changed, f"it changes files of the run: {', '.join(changed)}"


@functools.cache
def _finished(run: str, seed: int) -> Files:
    """The files of a run that is finished except for its report."""
    with tempfile.TemporaryDirectory() as parent, mock.patch.dict(os.environ, QNAS_CACHE=f"{parent}/cache"):
        folder = RunFolder(Path(parent) / "run")
        run_spec(Spec.model_validate({**_SPEC, "seed": seed, "space": _SPACES[run]}), folder, until="evaluate")
        return _files(folder.path)


def _files(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
