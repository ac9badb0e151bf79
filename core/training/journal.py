"""The journal of a stage: it reports progress to the history and to plugins."""

from collections.abc import Mapping
from typing import Any

from qnas.core.files.folder import RunFolder
from qnas.core.registry import Events

_NOT_KEPT = frozenset({"alpha", "images"})
"""What is reported to plugins only: histories have what can be read again."""


class Journal:
    """Reports the steps of one stage.

    Args:
        folder: The run's.
        stage: The stage's name.
    """

    def __init__(self, folder: RunFolder, stage: str) -> None:
        self.folder = folder
        self.stage = stage
        self._events = Events()

    def begin(self, steps: int = 0) -> None:
        """The stage begins; ``steps`` is how many it will take."""
        self._events.tell("qnas_stage_began", folder=self.folder, stage=self.stage, steps=steps)

    def resume(self, step: int) -> None:
        """The stage continues after this step."""
        self._events.tell("qnas_stage_resumed", folder=self.folder, stage=self.stage, step=step)

    def step(self, step: int, metrics: Mapping[str, Any]) -> None:
        """A step was taken (counted from 1)."""
        self._events.tell("qnas_step", folder=self.folder, stage=self.stage, step=step, metrics=metrics)

    def record(self, step: int, record: Mapping[str, Any]) -> None:
        """Keep ``record`` in the stage's history, but for ``alpha`` and ``images``, and report it."""
        kept = {key: value for key, value in record.items() if key not in _NOT_KEPT}
        self.folder.append_history(self.stage, {"step": step, **kept})
        self.step(step, record)

    def end(self, result: Mapping[str, Any]) -> None:
        """The stage ended."""
        self._events.tell("qnas_stage_ended", folder=self.folder, stage=self.stage, result=result)
