"""The hooks of qnas-my-report.

Every command of qnas imports them: what takes long to import belongs elsewhere.
"""

import qnas


@qnas.hookimpl
def qnas_register_reports(register: qnas.Register) -> None:
    """Register the report."""
    register(
        "my-report",
        "qnas_my_report.report:MyReport",
        "A table of the scores in Markdown",
    )
