"""The interface of reports."""

from abc import abstractmethod
from typing import TYPE_CHECKING

from qnas.core.components.component import Component

if TYPE_CHECKING:
    from qnas.core.engine.folder import RunFolder


class Report(Component):
    """Explains a finished run, from nothing but its folder."""

    kind = "report"

    @abstractmethod
    def write(self, folder: "RunFolder") -> str:
        """Write the report into ``folder`` and return its file name."""
