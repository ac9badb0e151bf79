"""Paths as files of users' name them."""

from pathlib import Path

from qnas.core.errors import InputError


def expanded(path: str | Path) -> Path:
    """A path with the user's home folder for ``~``.

    Raises:
        InputError: There is none.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise InputError(f"can't be found: {error}", str(path)) from error
