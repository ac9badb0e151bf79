"""Errors that a user can cause, each one clear line, and the exit code that it ends the command with."""

import contextlib
import errno
import functools
import importlib.util
import sysconfig
import traceback
from collections.abc import Iterator
from pathlib import Path


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


class UnexpectedError(QnasError):
    """A mistake in qnas or in a plugin; the message says where to read about it."""


class QnasWarning(UserWarning):
    """What the user of a command should know. Warnings of other packages are for those who look for them."""


@contextlib.contextmanager
def from_field(*field: str | int) -> Iterator[None]:
    """Note on an InputError raised inside which field of the spec it comes from."""
    try:
        yield
    except InputError as error:
        error.field = error.field or field
        raise


@contextlib.contextmanager
def as_input_error(what: str) -> Iterator[None]:
    """Tell in one line whatever code that others wrote raises inside.

    Raises:
        InputError: It begins with ``what``.
    """
    try:
        yield
    except (QnasError, MemoryError):
        raise
    except (Exception, SystemExit) as error:
        place = place_of(error)
        is_all_said = isinstance(error, ImportError) and not place  # all else is Python's own way to look for it
        raise InputError(f"{what}: {first_line(error)}{place}") from (None if is_all_said else error)


def first_line(error: BaseException) -> str:
    """The kind of an error, and the first line of what it says; of an invalid field, the field and what is wrong."""
    if type(error).__name__ == "ValidationError" and hasattr(error, "errors"):  # pydantic's, which is slow to import
        first = error.errors()[0]
        return ": ".join(filter(None, (".".join(map(str, first["loc"])), first["msg"])))
    said = next(iter(str(error).strip().splitlines()), "")
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def place_of(error: BaseException) -> str:
    """Where in others' code an error was raised, as `` (file:line)``: the last place that is none of ours or PyTorch's.

    ``""`` if it never came through any.
    """
    if isinstance(error, SyntaxError):
        return f" ({error.filename}:{error.lineno})"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_file() and not _is_known(path):
            return f" ({frame.filename}:{frame.lineno})"
    return ""


def _is_known(path: Path) -> bool:
    """Whether it is of qnas, of the standard library or of what networks are written with."""
    is_installed = "site-packages" in path.parts  # which is a folder of the standard library's
    is_standard = path.is_relative_to(sysconfig.get_path("stdlib")) and not is_installed
    return is_standard or any(path.is_relative_to(folder) for folder in _known_folders())


@functools.cache
def _known_folders() -> list[Path]:
    ours = Path(__file__).parent  # through a link, or not, as it was imported
    folders = [ours.parent / name for name in ("core", "plugins", "spaces", "quantizers", "testing")]
    names = ("torch", "pydantic", "pydantic_core", "numpy", "pluggy")
    specs = filter(None, map(importlib.util.find_spec, names))
    others = [Path(spec.origin).parent for spec in specs if spec.origin]
    return [*folders, *(folder.resolve() for folder in folders), *others]


_OUT_OF_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",  # on Windows
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether Python's or PyTorch's error, on any device, means that."""
    return isinstance(error, MemoryError) or any(phrase in str(error) for phrase in _OUT_OF_MEMORY)


def is_disk_full(error: OSError) -> bool:
    """Whether an operating system's or HDF5's error means that."""
    return error.errno in {errno.ENOSPC, errno.EDQUOT} or "No space left on device" in str(error)
