"""A search without training, for networks that have weights: sensitivity, then the best choice within the limits."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from qnas.core.components import Space
from qnas.core.files.state import State
from qnas.core.search.outcome import SearchOutcome
from qnas.core.search.searcher import Searcher
from qnas.core.search.sensitivity import Sensitivity
from qnas.core.search.task import SearchTask


class SensitivitySearch(Searcher):
    """Measures what each candidate of each slot adds to the error by itself, and takes the least sum within the limits.

    It starts from float weights, quantized at the widest bits of each slot; nothing is trained. That errors add up is
    an assumption, which holds best where they are small. For bit-widths alone, similar in spirit to HAWQ (Dong et al.
    2019, arXiv 1905.03696), which takes the curvature of the loss in place of the measured error.

    Attributes:
        batch: Patches in the batch that quantizers are calibrated on.
        tuning: See :class:`qnas.Searcher`.
    """

    tuning: Annotated[int, Field(ge=0)] | None = 100

    def planned_steps(self) -> int:
        """See :meth:`qnas.Searcher.planned_steps`: it depends on the space, and is not known before."""
        return 0

    def unfit(self, space: Space, limits: Mapping[str, int]) -> str:
        """See :meth:`qnas.Searcher.unfit`."""
        if not space.has_weights:
            return f"starts from float weights, but the space '{space.known_as}' states none"
        return "" if limits else "needs a limit: without one, the widest bits are the best"

    def search(self, task: SearchTask) -> SearchOutcome:
        """See :meth:`qnas.Searcher.search`."""
        measuring = _Measuring(Sensitivity(task, self.batch))
        return measuring.run()


class _Measuring:
    """One search under way."""

    def __init__(self, sensitivity: Sensitivity) -> None:
        self._sensitivity = sensitivity
        self._task = sensitivity.task

    def run(self) -> SearchOutcome:
        """Measure everything, and choose."""
        self._task.checkpoints.restore(self)
        total = 1 + len(self._sensitivity.cases)
        while not self._sensitivity.is_done:
            self._sensitivity.measure_next()
            done = len(self._sensitivity.errors)
            self._task.journal.step(done, {"of": total})
            self._task.checkpoints.keep(done, self)
        rises = self._sensitivity.rises()
        found = self._task.architecture(self._task.allowed.best(-rises))
        return SearchOutcome(best=found, last=found, details={"sensitivity": self._told(rises.tolist())})

    def state_dict(self) -> State:
        """What was measured."""
        return {"errors": self._sensitivity.errors}

    def load_state_dict(self, state: State) -> None:
        """Continue from such a state."""
        self._sensitivity.errors = list(state["errors"])

    def _told(self, rises: list[list[float]]) -> dict[str, dict[str, float]]:
        """The rise of the error by slot and candidate."""
        options = self._task.candidates.items()
        return {
            path: {candidate.label: rise for candidate, rise in zip(of_slot, row, strict=False)}
            for (path, of_slot), row in zip(options, rises, strict=True)
        }
