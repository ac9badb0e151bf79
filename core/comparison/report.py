"""What a report needs for ``qnas compare``."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from qnas.core.comparison.comparison import Comparison
from qnas.core.comparison.table import csv_text
from qnas.core.errors import InputError

if TYPE_CHECKING:
    from qnas.core.components import Report


@runtime_checkable
class ComparisonReport(Protocol):
    """A report that also shows runs side by side: what ``qnas compare`` needs, and a report may have."""

    def compare(self, comparison: Comparison, folder: Path) -> Mapping[str, bytes]:
        """The files of the comparison, by file name.

        Args:
            comparison: The runs, in groups of seeds, with their figures.
            folder: Where the files will stand, which links are relative to; nothing is written to it here.
        """


NAME = "compare"
"""The stem of the files' names."""


def comparison_files(report: "Report", comparison: Comparison, folder: Path) -> dict[str, bytes]:
    """The files of a comparison by their names: those that the report makes, and the table of all figures.

    Args:
        report: The report.
        comparison: The runs.
        folder: Where the files will stand; nothing is written to it here.

    Raises:
        InputError: The report explains single runs only.
    """
    made = comparing(report).compare(comparison, folder)
    return {**made, f"{NAME}.csv": csv_text(comparison).encode()}


def comparing(report: "Report") -> ComparisonReport:
    """The report, which can compare runs.

    Raises:
        InputError: It explains single runs only.
    """
    if not isinstance(report, ComparisonReport):
        raise InputError(f"the report '{report.known_as}' explains single runs only: it can't compare runs")
    return report
