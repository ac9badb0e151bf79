"""Data sets as commands name them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qnas.core.errors import InputError
from qnas.core.images.places import dataset_in

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
