"""``python -m docs.generator.notebooks``: runs the notebooks of docs/notebooks, and keeps what their cells show."""

import re
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[1] / "notebooks"
_SECONDS = 300
"""That a cell may take, on a machine that is busy."""
_RICHER = {"text/html", "image/svg+xml"}
_PLACE = re.compile(r"^\S+:\d+: (\w+Warning: .*)\n  .*\n", re.MULTILINE)
"""Where a warning comes from, in front of it, and the line of code below."""


def main() -> None:
    """Run all notebooks, each in a folder of its own."""
    for path in sorted(FOLDER.glob("*.ipynb")):
        with tempfile.TemporaryDirectory() as folder:
            nbformat.write(executed(path, Path(folder)), path)


def executed(notebook: Path, folder: Path) -> Any:
    """A notebook with what its cells show when they run in a folder, but for what tells of the machine.

    Raises:
        CellExecutionError: A cell fails.
    """
    made = nbformat.read(notebook, as_version=4)
    place = {"metadata": {"path": str(folder)}}
    NotebookClient(made, timeout=_SECONDS, kernel_name="python3", resources=place).execute()
    made.metadata.language_info = {"name": "python"}  # without its version
    for cell in made.cells:
        cell.metadata.pop("execution", None)  # the times
        for output in cell.get("outputs", ()):
            _tidy(output)
    return made


def _tidy(output: Any) -> None:
    if output.output_type == "stream":
        output.text = _PLACE.sub(r"\1\n", output.text)
    elif _RICHER & set(output.get("data", ())):
        output.data.pop("text/plain", None)


if __name__ == "__main__":
    main()
