"""The HTML report: one page that explains a run, or compares several; and those of ``qnas view``."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from qnas.core.components import Report
from qnas.core.errors import as_input_error
from qnas.core.files.folder import RunFolder

if TYPE_CHECKING:
    from qnas.core.comparison import Comparison
    from qnas.core.view import RunList, ViewedRun

FILE = "report.html"
COMPARISON = "compare"


class HtmlReport(Report):
    """One self-contained page: the found network drawn, the choices over time, curves, scores, example images."""

    def write(self, folder: RunFolder) -> str:
        """See :meth:`qnas.Report.write`."""
        # Every spec names its report, but only writing one needs Jinja2 and matplotlib.
        from qnas.core.run.record import RunRecord
        from qnas.plugins.reports.page import page

        with as_input_error(f"{folder.path}: no page can be made of its files (one may be damaged)"):
            run = RunRecord(folder)
            with run.as_it_was():
                text = page(run)
        folder.write_text(FILE, text)
        return FILE

    def compare(self, comparison: "Comparison", folder: Path) -> Mapping[str, bytes]:
        """See :meth:`qnas.ComparisonReport.compare`: a page, and its plot as SVG and PNG."""
        from qnas.plugins.reports.comparison.page import comparison_page
        from qnas.plugins.reports.comparison.plot import ComparisonPlot

        plot = ComparisonPlot(comparison)
        page = comparison_page(comparison, plot, folder)
        return {
            f"{COMPARISON}.html": page.encode(),
            **{f"{COMPARISON}.{kind}": plot.file(kind) for kind in ("svg", "png")},
        }

    def view_list(self, runs: "RunList", script: str) -> str:
        """See :meth:`qnas.ViewReport.view_list`."""
        from qnas.plugins.reports.view import list_page

        return list_page(runs, script)

    def view_run(self, run: "ViewedRun", script: str) -> str:
        """See :meth:`qnas.ViewReport.view_run`."""
        from qnas.plugins.reports.view import run_page

        return run_page(run, script)
