"""What a report needs for ``qnas view``."""

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from qnas.core.errors import InputError

if TYPE_CHECKING:
    from qnas.core.components import Report
    from qnas.core.view.runs import RunList, ViewedRun


@runtime_checkable
class ViewReport(Protocol):
    """A report that also shows runs as they go on: what ``qnas view`` needs, and a report may have.

    Browsers load nothing for the pages, and run no script but the one that the pages are given. It looks at its page
    again every few seconds and replaces what has changed in the elements with a ``data-live`` attribute, whose values
    name them. While there is no answer, it shows the element with the id ``gone``. Comparisons are made by
    ``compare``, see :class:`qnas.ComparisonReport`.
    """

    def view_list(self, runs: "RunList", script: str) -> str:
        """The page with all runs of a folder, as HTML.

        Args:
            runs: The runs. Links to their pages are relative to this one: see :attr:`qnas.ViewedRun.link`.
            script: What keeps the page up to date, to stand in a ``script`` element as it is.
        """

    def view_run(self, run: "ViewedRun", script: str) -> str:
        """The page of a run, as HTML.

        Args:
            run: The run, which may be damaged, and may not have begun.
            script: See :meth:`view_list`.
        """


def viewing(report: "Report") -> ViewReport:
    """The report, which can show runs as they go on.

    Raises:
        InputError: It explains finished runs only.
    """
    if not isinstance(report, ViewReport):
        raise InputError(f"the report '{report.known_as}' explains finished runs only: it can't show any as it goes on")
    return report
