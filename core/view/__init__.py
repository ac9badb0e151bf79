"""A folder of runs in a browser of this machine, as they go on: nothing in the folder is ever written."""

from qnas.core.view.kept import Kept
from qnas.core.view.report import ViewReport, viewing
from qnas.core.view.runs import Figures, RunList, Runs, ViewedRun
from qnas.core.view.standing import Standing

__all__ = ["Figures", "Kept", "RunList", "Runs", "Standing", "ViewReport", "ViewedRun", "viewing"]
