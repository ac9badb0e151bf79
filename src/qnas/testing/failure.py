"""Failures, reported with where they happened."""

import contextlib
from collections.abc import Iterator

from pydantic import ValidationError

from qnas.core.errors import QnasError, first_line


class ContractError(AssertionError):
    """A broken contract, in one line that says where."""


@contextlib.contextmanager
def told_as(where: str) -> Iterator[None]:
    """Report any failure inside as a broken contract.

    Raises:
        ContractError: The message begins with ``where``; the cause is the original failure.
    """
    try:
        yield
    except ContractError as broken:
        raise ContractError(f"{where}: {broken}") from broken.__cause__
    except Exception as error:  # a third-party component may raise anything
        raise ContractError(f"{where}: {_message(error)}") from error


def _message(error: Exception) -> str:
    """The message of an error, without the lines that pytest adds below assertions."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return ": ".join(filter(None, (".".join(map(str, first["loc"])), first["msg"])))
    lines = str(error).splitlines()
    return lines[0] if lines and isinstance(error, AssertionError | QnasError) else first_line(error)
