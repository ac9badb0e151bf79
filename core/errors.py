"""Errors that a user can cause, each one clear line, and the exit code that it ends the command with."""

import contextlib
from collections.abc import Iterator


class QnasError(Exception):
    """A failure that is told in one line, without a traceback."""

    exit_code = 1


class InputError(QnasError):
    """The command, the spec or the data it names is wrong.

    Args:
        message: What is wrong and what would be valid.
        where: The place, such as ``spec.yaml:12:7`` or a file's path.

    Attributes:
        field: The field of the spec that it comes from, where that is known.
    """

    exit_code = 2

    def __init__(self, message: str, where: str = "") -> None:
        super().__init__(f"{where}: {message}" if where else message)
        self.field: tuple[str | int, ...] = ()


@contextlib.contextmanager
def from_field(*field: str | int) -> Iterator[None]:
    """Note on an InputError raised inside which field of the spec it comes from."""
    try:
        yield
    except InputError as error:
        error.field = error.field or field
        raise


@contextlib.contextmanager
def in_one_line(what: str) -> Iterator[None]:
    """Tell in one line whatever code that others wrote raises inside.

    Raises:
        InputError: It begins with ``what``.
    """
    try:
        yield
    except (QnasError, MemoryError):
        raise
    except (Exception, SystemExit) as error:
        raise InputError(f"{what}: {first_line(error)}") from error


def first_line(error: BaseException) -> str:
    """The kind of an error, and the first line of what it says."""
    said = next(iter(str(error).strip().splitlines()), "")
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
