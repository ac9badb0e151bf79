"""The images at places on the disk, as a data set."""

from pathlib import Path
from typing import TYPE_CHECKING

from qnas.core.errors import InputError

if TYPE_CHECKING:
    from qnas.core.components import Dataset


def dataset_in(*paths: Path) -> "Dataset":
    """The images of folders, or of one pack.

    Raises:
        InputError: There are other files than one pack among them.
    """
    from qnas.core.components import Dataset  # slow to import, and commands look at it only when they run

    files = [path for path in paths if path.is_file()]
    if files and len(paths) > 1:
        raise InputError("is a file: name folders, or one pack alone", str(files[0]))
    if files:
        return Dataset.of({"name": "pack", "path": str(files[0])})
    return Dataset.of({"name": "folder", "path": [str(path) for path in paths]})
