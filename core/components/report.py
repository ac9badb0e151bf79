"""The interface of reports."""

from abc import abstractmethod

from qnas.core.components.component import Component
from qnas.core.files.folder import RunFolder


class Report(Component):
    """Explains a finished run, from nothing but its folder, which :class:`qnas.RunRecord` reads.

    One that also has ``compare``, as :class:`qnas.ComparisonReport` says, can be used by ``qnas compare``; one that has
    ``view_list`` and ``view_run`` too, as :class:`qnas.ViewReport` says, by ``qnas view``.
    """

    kind = "report"

    @abstractmethod
    def write(self, folder: RunFolder) -> str:
        """Write the report into ``folder`` and return its file name."""
