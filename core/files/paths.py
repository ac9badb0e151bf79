"""Paths as written in users' files."""

from pathlib import Path

from qnas.core.errors import InputError


def expanded(path: str | Path) -> Path:
    """A path with ``~`` replaced by the user's home folder.

    Raises:
        InputError: The user has no home folder.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise InputError(f"can't be found: {error}", str(path)) from error
