"""The image files of folders, and of the folders in them."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from qnas.core.errors import InputError
from qnas.core.images.image_file import SUFFIXES
from qnas.plugins.datasets.naming import folder_kind


def list_images(folder: Path) -> list[Path]:
    """The image files of a folder and the folders in it, recognized by their suffix and sorted by name.

    Raises:
        InputError: The folder can't be read, has no images, or has a folder of LR images in it.
    """
    folder = expanded(folder)
    files = list(walk(folder))
    if not files:
        raise InputError(f"no images in the folder (looked for {', '.join(SUFFIXES)})", str(folder))
    inside = (place for file in files for place in file.relative_to(folder).parents)
    lr = next((place for place in inside if folder_kind(place.name) == "lr"), None)
    if lr is not None:
        raise InputError(f"has LR images too, in {lr.as_posix()}: name the folders to use", str(folder))
    return files


def walk(folder: Path, seen: frozenset[Path] = frozenset()) -> Iterator[Path]:
    """The image files of a folder and the folders in it, sorted, without hidden ones.

    Raises:
        InputError: A folder can't be read.
    """
    inside = entries(folder)
    seen |= {folder.resolve()}
    for entry in inside:
        if entry.is_dir():
            if entry.resolve() not in seen:  # a link may lead back
                yield from walk(entry, seen)
        elif is_image(entry):
            yield entry


def is_image(path: Path) -> bool:
    """Whether ``path`` is a file with the suffix of an image."""
    return path.suffix.lower() in SUFFIXES and path.is_file()


def entries(folder: Path) -> list[Path]:
    """The entries of a folder that are not hidden, sorted.

    Raises:
        InputError: The folder can't be read.
    """
    with _as_unreadable(folder):
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))


def expanded(folder: Path) -> Path:
    """The path with ``~`` replaced by the user's home folder.

    Raises:
        InputError: The user has no home folder.
    """
    with _as_unreadable(folder):
        return folder.expanduser()


@contextlib.contextmanager
def _as_unreadable(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"can't read the folder: {reason}", str(folder)) from None


def some(files: Sequence[Path | str]) -> str:
    """The first files, and the number of the others."""
    return ", ".join(map(str, files[:3])) + (f" and {len(files) - 3} more" if len(files) > 3 else "")
