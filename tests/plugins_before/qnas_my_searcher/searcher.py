"""A searcher: looks for the best architecture of a space."""

from random import Random

from pydantic import PositiveInt

import qnas


class MySearcher(qnas.Searcher):
    """Draws architectures at random and keeps the one of the fewest BitOps.

    To judge them by more than that, train each for a while, as qnas's own random search
    does (``qnas.plugins.searchers.random``).

    Attributes:
        samples: Architectures to draw.
    """

    samples: PositiveInt = 100

    def planned_steps(self) -> int:
        """See :meth:`qnas.Searcher.planned_steps`."""
        return self.samples

    def search(self, task: qnas.SearchTask) -> qnas.SearchOutcome:
        """See :meth:`qnas.Searcher.search`."""
        candidates = qnas.slot_candidates(task.space, task.scale)
        random = Random(task.seed)
        drawn: list[tuple[float, dict[str, qnas.Candidate]]] = []
        for step in range(1, self.samples + 1):
            chosen = {slot: random.choice(c) for slot, c in candidates.items()}
            rows = qnas.one_hot(candidates, chosen).to(task.device)
            bitops = float(task.expected_bitops(rows))
            drawn.append((bitops, chosen))
            task.journal.record(step, {"bitops": bitops})
        _, best = min(drawn, key=lambda sample: sample[0])
        _, last = drawn[-1]
        return qnas.SearchOutcome(best=task.architecture(best), last=task.architecture(last))
