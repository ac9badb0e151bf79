"""How far a point's run is: its process writes a small file, which the sweep reads."""

import json
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from qnas.core.registry import hookimpl

_SECONDS = 0.5


class Progress(NamedTuple):
    """How far a run is.

    Attributes:
        stage: The stage that it is in, ``""`` before the first.
        step: The last step that was taken.
        steps: How many the stage has, 0 where that is not known.
    """

    stage: str = ""
    step: int = 0
    steps: int = 0


class ProgressFile:
    """A listener that keeps a run's progress in a file, and stops the run once the process that started it is gone.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._parent = os.getppid()
        self._steps = 0
        self._written = 0.0

    @hookimpl
    def qnas_stage_began(self, stage: str, steps: int) -> None:
        """Write it."""
        self._steps = steps
        self._write(Progress(stage, 0, steps))

    @hookimpl
    def qnas_stage_resumed(self, stage: str, step: int) -> None:
        """Write it."""
        self._write(Progress(stage, step, self._steps))

    @hookimpl
    def qnas_step(self, stage: str, step: int, metrics: Mapping[str, Any]) -> None:
        """Write it, a few times a second; once the sweep is gone, stop as if it had sent SIGTERM."""
        if os.getppid() != self._parent:
            signal.raise_signal(signal.SIGTERM)
        if time.monotonic() - self._written > _SECONDS:
            self._write(Progress(stage, step, metrics.get("of", self._steps)))

    def _write(self, progress: Progress) -> None:
        self._written = time.monotonic()
        self._path.write_text(json.dumps(progress))  # in place: who finds half of it reads it again a moment later


def read_progress(path: Path, before: Progress) -> Progress:
    """The progress in a file, or ``before`` if it has none yet."""
    try:
        return Progress(*json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return before
