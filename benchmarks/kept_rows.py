"""Rows of figures in a JSON file, written one by one: a benchmark that is stopped goes on where it was."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rounds import write_json


class KeptRows:
    """The rows that are in a file, all of one setting.

    Args:
        out: The file; it need not exist.
        setting: What all rows have in common.

    Attributes:
        rows: All rows so far.

    Raises:
        click.ClickException: The file has rows with a different setting.
    """

    def __init__(self, out: Path, setting: Mapping[str, object]) -> None:
        self._out = out
        self._setting = json.loads(json.dumps(setting))
        kept = json.loads(out.read_text()) if out.exists() else {"setting": self._setting, "rows": []}
        if kept["setting"] != self._setting:
            raise click.ClickException(f"{out} has rows with a different setting: {kept['setting']}; name another file")
        self.rows: list[dict[str, Any]] = kept["rows"]

    def has(self, case: Mapping[str, object]) -> bool:
        """Whether there is a row with these values."""
        return any(all(row[key] == value for key, value in case.items()) for row in self.rows)

    def add(self, row: dict[str, Any]) -> None:
        """Add a row, and write all of them."""
        self.rows.append(row)
        part = self._out.with_name(f".{self._out.name}")
        write_json(part, {"setting": self._setting, "rows": self.rows}, [])
        part.replace(self._out)  # atomic, so that no row is lost if the program is stopped here
