"""A search without training, for networks that have weights: sensitivity, then the best choice within the limits."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from qnas.core.components import Space
from qnas.core.search.front_searcher import FrontSearcher
from qnas.core.search.outcome import FrontPoint, SearchOutcome
from qnas.core.search.sensitivity import Sensitivity
from qnas.core.search.task import SearchTask


class SensitivitySearch(FrontSearcher):
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
        return "" if limits or self.front else "needs a limit, or a front: without them, the widest bits are the best"

    def search(self, task: SearchTask) -> SearchOutcome:
        """See :meth:`qnas.Searcher.search`."""
        sensitivity = Sensitivity(task, self.batch)
        sensitivity.measure(lambda done, of: task.journal.step(done, {"of": of}))
        rises = sensitivity.rises()
        front = [FrontPoint.of(level, -rises) for level in self.levels(task)]
        found = front[-1].architecture if front else task.architecture(task.allowed.best(-rises))
        details = {"sensitivity": _by_slot(task, rises.tolist())}
        return SearchOutcome(best=found, last=found, details=details, front=front)


def _by_slot(task: SearchTask, rises: list[list[float]]) -> dict[str, dict[str, float]]:
    """The rise of the error by slot and candidate."""
    return {
        path: {candidate.label: rise for candidate, rise in zip(of_slot, row, strict=False)}
        for (path, of_slot), row in zip(task.candidates.items(), rises, strict=True)
    }
