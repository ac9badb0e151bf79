"""The HTML report."""

from qnas.core.components import Report
from qnas.core.engine.folder import RunFolder


class HtmlReport(Report):
    """One self-contained page."""

    def write(self, folder: RunFolder) -> str:
        """See :meth:`qnas.Report.write`."""
        folder.write_text("report.html", "<p>soon</p>")
        return "report.html"
