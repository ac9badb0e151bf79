"""The interface of searchers."""

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from pydantic import PositiveInt

from qnas.core.components.component import Component

if TYPE_CHECKING:
    from qnas.core.engine.search import SearchOutcome, SearchTask


class Searcher(Component):
    """Looks for the best architecture of a space.

    Attributes:
        batch: Patches in a batch.
    """

    kind = "searcher"
    leaves_supernet: ClassVar[bool] = False
    """Whether its outcome has a supernet whose weights the found network can start from."""

    batch: PositiveInt = 16

    @abstractmethod
    def search(self, task: "SearchTask") -> "SearchOutcome":
        """Search, reporting each step through ``task.journal``."""

    @abstractmethod
    def planned_steps(self) -> int:
        """How many steps :meth:`search` will report."""
