"""Finished runs side by side: read from their folders, grouped over seeds, with their Pareto front."""

from qnas.core.comparison.comparison import Comparison, compare_runs
from qnas.core.comparison.cost import CostAxis
from qnas.core.comparison.figure import Figure
from qnas.core.comparison.group import Group
from qnas.core.comparison.provenance import Fact, facts_of
from qnas.core.comparison.reading.find import FoundRuns, find_runs
from qnas.core.comparison.reading.finished_run import FinishedRun, LeftOut
from qnas.core.comparison.report import ComparisonReport, comparing, comparison_files
from qnas.core.comparison.table import csv_text

__all__ = [
    "Comparison",
    "ComparisonReport",
    "CostAxis",
    "Fact",
    "Figure",
    "FinishedRun",
    "FoundRuns",
    "Group",
    "LeftOut",
    "compare_runs",
    "comparing",
    "comparison_files",
    "csv_text",
    "facts_of",
    "find_runs",
]
