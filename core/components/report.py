"""The interface of reports."""

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from qnas.core.components.component import Component
from qnas.core.errors import InputError

if TYPE_CHECKING:
    from qnas.core.comparison import Comparison
    from qnas.core.engine.folder import RunFolder


class Report(Component):
    """Explains a finished run, from nothing but its folder."""

    kind = "report"

    @abstractmethod
    def write(self, folder: "RunFolder") -> str:
        """Write the report into ``folder`` and return its file name."""

    def compare(self, comparison: "Comparison", folder: Path) -> Mapping[str, bytes]:
        """Files that show runs beside each other, by file name, for ``qnas compare``.

        Args:
            comparison: The runs, in groups of seeds, with their figures.
            folder: Where the files will stand, which links are relative to; nothing is written to it here.

        Raises:
            InputError: This report explains single runs only.
        """
        del comparison, folder
        raise InputError(f"the report '{self.known_as}' explains single runs only: it compares none")
