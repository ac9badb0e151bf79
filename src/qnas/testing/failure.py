"""Failures, told with where they happened."""

import contextlib
from collections.abc import Iterator

from pydantic import ValidationError

from qnas.core.errors import QnasError, first_line


class ContractError(AssertionError):
    """A broken contract, in one line that says where."""


@contextlib.contextmanager
def told_as(where: str) -> Iterator[None]:
    """Have whatever fails inside told as a broken contract.

    Raises:
        ContractError: It begins with ``where``, and was caused by what failed first.
    """
    try:
        yield
    except ContractError as broken:
        raise ContractError(f"{where}: {broken}") from broken.__cause__
    except Exception as error:  # a stranger's component may raise anything
        raise ContractError(f"{where}: {_told(error)}") from error


def _told(error: Exception) -> str:
    """What an error says, without what pytest adds to assertions below it."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return ": ".join(filter(None, (".".join(map(str, first["loc"])), first["msg"])))
    lines = str(error).splitlines()
    return lines[0] if lines and isinstance(error, AssertionError | QnasError) else first_line(error)
