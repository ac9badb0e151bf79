"""The HTML report: one page that explains a run to somebody who was not there."""

from qnas.core.components import Report
from qnas.core.engine.folder import RunFolder

FILE = "report.html"


class HtmlReport(Report):
    """One self-contained page: the found network drawn, the choices over time, curves, scores, example images."""

    def write(self, folder: RunFolder) -> str:
        """See :meth:`qnas.Report.write`."""
        # Every spec names its report, but only a run that ends needs Jinja2 and matplotlib.
        from qnas.plugins.reports.page import page
        from qnas.plugins.reports.record import RunRecord

        folder.write_text(FILE, page(RunRecord.read(folder)))
        return FILE
