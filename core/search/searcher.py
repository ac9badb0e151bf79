"""The interface of searchers."""

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from qnas.core.components.component import Component
from qnas.core.components.losses.loss_terms import LossTerms
from qnas.core.components.space import Space
from qnas.core.settings.bounds import Amount

if TYPE_CHECKING:
    from qnas.core.search.outcome import SearchOutcome
    from qnas.core.search.task import SearchTask


_MOST_TUNING = 200


class Searcher(Component):
    """Looks for the best architecture of a space.

    Attributes:
        batch: Patches in a batch.
        loss: What the weights (and, of a search by gradient, the architecture) minimize, in place of the spec's
            ``loss``.
        tuning: Steps that the found network is tuned for at the end, and uniform networks that cost no more, before
            they are judged; the best is kept. 0 leaves that out. By default a tenth of what the search takes, 200 at
            most.
    """

    earlier_defaults: ClassVar = {2: {"tuning": 0}}

    kind = "searcher"
    leaves_supernet: ClassVar[bool] = False
    """Whether its outcome has a supernet whose weights the found network can start from."""

    batch: Amount = 16
    loss: LossTerms | None = None
    tuning: Annotated[int, Field(ge=0)] | None = None

    def unfit(self, space: Space, limits: Mapping[str, int]) -> str:
        """Why it can't search a space within limits, to follow its name, or ``""``."""
        del space, limits
        return ""

    @property
    def front_points(self) -> int:
        """How many networks of different costs it looks for at once; more than one make a front."""
        return 1

    @abstractmethod
    def search(self, task: "SearchTask") -> "SearchOutcome":
        """Search, reporting each step through ``task.journal``.

        A network that exceeds one of ``task.limits`` is refused: draw by ``task.draw``, choose by ``task.allowed``.

        Note:
            When a run that was stopped is resumed, its search starts again, unless the searcher saves its state in
            ``task.checkpoints``: then it continues after the last saved step. It calls ``restore`` once, when it is
            set up as at its beginning, and ``keep`` after every step, with an object that has ``state_dict`` and
            ``load_state_dict``, such as a network, or the search itself:

                for step in range(task.checkpoints.restore(self) + 1, self.steps + 1):
                    ...
                    task.journal.step(step, {"loss": loss})
                    task.checkpoints.keep(step, self)
        """

    def tuning_steps(self) -> int:
        """How many steps the networks that are judged at the end are tuned for."""
        return min(math.ceil(self.planned_steps() / 10), _MOST_TUNING) if self.tuning is None else self.tuning

    @abstractmethod
    def planned_steps(self) -> int:
        """How many steps :meth:`search` will report."""
