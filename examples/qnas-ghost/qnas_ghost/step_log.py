"""Writes every step of a run as a row of ``steps.csv``, for spreadsheets and plots."""

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

import qnas

FILE = "steps.csv"
METRICS = ("loss", "psnr", "bitops", "entropy")
# These are the same in every run and version, so that files can be concatenated. Values that a stage lacks stay empty.
COLUMNS = ("stage", "step", *METRICS)
_MANY = 200

Row = Mapping[str, object]


class StepLog:
    """Records the steps of the current stage, and writes them when it ends.

    The rows of a stage replace any that the file already has for it, so no step appears twice.

    Note:
        If a stage is interrupted and goes on from a checkpoint, the file lacks the steps before the checkpoint. A log
        that needs them writes more often, and drops what follows the checkpoint in ``qnas_stage_resumed``.
    """

    def __init__(self) -> None:
        self._numbers: dict[int, dict[str, float]] = {}
        self._waiting: dict[int, dict[str, Any]] = {}

    def begin(self) -> None:
        """Discard the steps of an earlier stage that never ended."""
        self._numbers.clear()
        self._waiting.clear()

    def note(self, step: int, metrics: Mapping[str, Any]) -> None:
        """Record the metrics of a step. A step may come twice, as at the end of an epoch; the first value stays."""
        known = {name: metrics[name] for name in METRICS if name in metrics}
        if known:
            self._waiting[step] = {**known, **self._waiting.get(step, {})}
        if len(self._waiting) >= _MANY:
            self._read()

    def write(self, folder: "qnas.RunFolder", stage: str) -> None:
        """Add the stage's rows to the file, replacing any rows it already has for the stage."""
        self._read()
        if not self._numbers:
            # Don't even write an empty file: while images are being loaded, the run has no folder yet.
            return
        ours: list[Row] = [{"stage": stage, "step": step, **row} for step, row in self._numbers.items()]
        others = [row for row in _rows(folder) if row["stage"] != stage]
        folder.write_text(FILE, _text([*others, *ours]))
        self.begin()

    def _read(self) -> None:
        """Convert tensors to numbers, many at a time, because reading the first one waits for the device."""
        for step, metrics in self._waiting.items():
            numbers = {name: float(value) for name, value in metrics.items()}
            self._numbers[step] = {**numbers, **self._numbers.get(step, {})}
        self._waiting.clear()


def _rows(folder: "qnas.RunFolder") -> list[Row]:
    return list(csv.DictReader(io.StringIO(folder.read_text(FILE)))) if folder.has(FILE) else []


def _text(rows: Iterable[Row]) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()
