"""The table of all figures, a row a run, as CSV."""

import csv
import io
from collections.abc import Mapping
from typing import Any

from qnas.core.comparison.comparison import Comparison
from qnas.core.comparison.fields import fields_of
from qnas.core.comparison.group import Group
from qnas.core.comparison.reading.finished_run import FinishedRun
from qnas.core.visible import visible


def csv_text(comparison: Comparison) -> str:
    """CSV with a row for each run and a column for each figure of result.json, as ``test.Set5.psnr_y``.

    What a run does not have is empty.
    """
    rows = [_row(group, run) for group in comparison.groups for run in group.runs]
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


def _row(group: Group, run: FinishedRun) -> Mapping[str, Any]:
    figures = {path: value for path, value in fields_of(run.result).items() if isinstance(value, int | float)}
    return {
        "label": group.label,
        "series": group.series,
        "name": run.name,
        "seed": run.seed,
        "folder": str(run.folder),
        "on_front": group.on_front,
        "scale": run.scale,
        "device": run.environment.get("device"),
        **figures,
    }
