"""The table of all figures, a row a run, as plain data and as CSV."""

import csv
import io
from typing import Any

from qnas.core.comparison.comparison import Comparison
from qnas.core.visible import visible


def csv_text(comparison: Comparison) -> str:
    """The rows of a comparison as CSV, after a row with the names of its columns.

    What a run does not have is empty.
    """
    rows = comparison.rows
    columns = list(dict.fromkeys(column for row in rows for column in row))
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(map(_plain, columns))
    writer.writerows([_plain(row.get(column, "")) for column in columns] for row in rows)
    return stream.getvalue()


def _plain(value: Any) -> Any:
    """What spreadsheets take for a formula, marked as text; what can't be encoded, as escapes."""
    if not isinstance(value, str):
        return value
    text = visible(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text
