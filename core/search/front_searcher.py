"""Searchers that find a whole front: networks at several costs from one search."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from qnas.core.search.searcher import Searcher

if TYPE_CHECKING:
    from qnas.core.search.task import SearchTask

_MOST = 50


class FrontSearcher(Searcher):
    """A searcher that can look for networks at several limits at once.

    Attributes:
        front: At how many costs to look for a network, from near the cheapest of the space to the limit, or without a
            limit to the dearest, in steps of one factor. The cost is the first that has a limit, or else BitOps. By
            default, one network is looked for.
    """

    front: Annotated[int, Field(ge=2, le=_MOST)] | None = None

    @property
    def front_points(self) -> int:
        """See :attr:`qnas.Searcher.front_points`."""
        return self.front or 1

    def levels(self, task: "SearchTask") -> "list[SearchTask]":
        """The search at each point of the front, under its limits, the tightest first; none without a front."""
        return [] if self.front is None else [task.under(limits) for limits in task.front_limits(self.front)]
