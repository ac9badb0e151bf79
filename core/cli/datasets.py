"""Data sets as commands name them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qnas.core.errors import InputError

if TYPE_CHECKING:
    from qnas.core.components import Dataset


def named_sets(places: Sequence[str]) -> "dict[str, Dataset]":
    """Test sets given as ``[NAME=]FOLDER``, by their names.

    Raises:
        InputError: Two have one name.
    """
    named: dict[str, Path] = {}
    for place in places:
        name, _, folder = place.rpartition("=") if not Path(place).exists() else ("", "", place)
        path = Path(folder).expanduser()
        name = name or path.resolve().stem
        if name in named:
            raise InputError(f"two test sets are called '{name}': name one with --data NAME={folder}", "--data")
        named[name] = path
    return {name: dataset_in(path) for name, path in named.items()}


def dataset_in(*paths: Path) -> "Dataset":
    """The images of folders, or of one pack.

    Raises:
        InputError: There are other files than one pack among them.
    """
    from qnas.core.components import Dataset

    files = [path for path in paths if path.is_file()]
    if files and len(paths) > 1:
        raise InputError("is a file: name folders, or one pack alone", str(files[0]))
    if files:
        return Dataset.of({"name": "pack", "path": str(files[0])})
    return Dataset.of({"name": "folder", "path": [str(path) for path in paths]})
