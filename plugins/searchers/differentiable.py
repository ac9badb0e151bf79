"""The differentiable search of QuantNAS: gradient steps on the architecture and on the weights."""

from typing import ClassVar

from qnas.core.search.outcome import SearchOutcome
from qnas.core.search.task import SearchTask
from qnas.plugins.searchers.gradient import GradientSearch
from qnas.plugins.searchers.gradient_settings import GradientSettings
from qnas.plugins.searchers.updates import AlternatingSearch, JointSearch


class DifferentiableSearch(GradientSettings):
    """Search by gradient (QuantNAS, arXiv 2208.14839), bilevel and first order unless ``update`` says otherwise.

    Under limits, multipliers lead alpha to them, and the most probable network that keeps to them is judged and found.
    """

    leaves_supernet: ClassVar[bool] = True

    example = {"steps": 4, "epochs": 2, "batch": 2}

    def search(self, task: SearchTask) -> SearchOutcome:
        """See :meth:`qnas.Searcher.search`."""
        return self.begin(task).run()

    def begin(self, task: SearchTask) -> GradientSearch:
        """The search, set up as at its beginning."""
        return JointSearch(self, task) if self.update == "joint" else AlternatingSearch(self, task)
