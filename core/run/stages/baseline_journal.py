"""The journal of a stage of a baseline: plugins hear of it as steps of the stage that trains baselines."""

from collections.abc import Mapping
from typing import Any

from qnas.core.files.folder import RunFolder
from qnas.core.training.journal import Journal


class BaselineJournal(Journal):
    """Keeps the history of a stage of a baseline, and reports its steps as those of the stage ``baselines``.

    Args:
        folder: The baseline's.
        stage: The stage's name.
        outer: The journal of the stage ``baselines``.
        name: Of the baseline.
        before: Steps that the stages and baselines before it take.
        total: Steps of all baselines.
        is_counted: Whether the steps of this stage are among them.
    """

    def __init__(
        self,
        folder: RunFolder,
        stage: str,
        outer: Journal,
        name: str,
        before: int = 0,
        total: int = 0,
        is_counted: bool = False,
    ) -> None:
        super().__init__(folder, stage)
        self._outer = outer
        self._name = name
        self._before = before
        self._of = {"of": total} if total else {}
        self._is_counted = is_counted

    def begin(self, steps: int = 0) -> None:
        """Report nothing: the stage ``baselines`` has begun before."""

    def resume(self, step: int) -> None:
        """The stage continues after this step."""
        self._outer.resume(self._before + step)

    def step(self, step: int, metrics: Mapping[str, Any]) -> None:
        """A step was taken; the metrics of one that is not counted are left out."""
        told = {"baseline": f"{self._name}, {self.stage}", **self._of}
        if self._is_counted:
            self._outer.step(self._before + step, {**metrics, **told})
        else:
            self._outer.step(self._before, told)

    def end(self, result: Mapping[str, Any]) -> None:
        """Report nothing: there are others."""
