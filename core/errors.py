"""Errors that a user can cause, each one clear line, and the exit codes that they end a command with."""

import contextlib
import errno
import functools
import importlib.util
import sysconfig
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class QnasError(Exception):
    """A failure that is reported in one line, without a traceback."""

    exit_code = 1


class InputError(QnasError):
    """The command, the spec or the data that these name is wrong.

    Args:
        message: What is wrong and what would be valid.
        where: The place, such as ``spec.yaml:12:7`` or a file's path.

    Attributes:
        field: The field of the spec that the error comes from, if known.
    """

    exit_code = 2

    def __init__(self, message: str, where: str = "") -> None:
        super().__init__(f"{where}: {message}" if where else message)
        self.field: tuple[str | int, ...] = ()


class UnexpectedError(QnasError):
    """A bug in qnas or in a plugin; the message says where to read about it."""


class QnasWarning(UserWarning):
    """A warning for the user of a command, unlike the warnings of other packages, which are hidden by default."""


@contextlib.contextmanager
def from_field(*field: str | int) -> Iterator[None]:
    """Record the field of the spec in an InputError that is raised inside."""
    try:
        yield
    except InputError as error:
        error.field = error.field or field
        raise


@contextlib.contextmanager
def inside_field(*outer: str | int) -> Iterator[None]:
    """Record that the field which an InputError comes from is inside of these."""
    try:
        yield
    except InputError as error:
        error.field = (*outer, *error.field)
        raise


@contextlib.contextmanager
def as_input_error(what: str) -> Iterator[None]:
    """Report anything that third-party code raises inside in one line.

    Raises:
        InputError: The message begins with ``what``.
    """
    try:
        yield
    except (QnasError, MemoryError):
        raise
    except (Exception, SystemExit) as error:
        place = place_of(error)
        is_complete = isinstance(error, ImportError) and not place  # the traceback would only show Python's own search
        raise InputError(f"{what}: {first_line(error)}{place}") from (None if is_complete else error)


def plainly(function: Callable[P, T]) -> Callable[P, T]:
    """The function, whose errors show only where they were caused, as the last line says all there is to know.

    The exceptions of third-party code, such as a network's, stay attached.
    """

    @functools.wraps(function)
    def called(*arguments: P.args, **named: P.kwargs) -> T:
        try:
            return function(*arguments, **named)
        except QnasError as error:
            cause = error.__cause__ if error.__cause__ is not None and place_of(error.__cause__) else None
            raise error.with_traceback(None) from cause

    return called


def first_line(error: BaseException) -> str:
    """The kind of an error and the first line of its message; for an invalid field, the field and what is wrong."""
    if type(error).__name__ == "ValidationError" and hasattr(error, "errors"):  # pydantic's, which is slow to import
        first = error.errors()[0]
        return ": ".join(filter(None, (".".join(map(str, first["loc"])), first["msg"])))
    text = next(iter(str(error).strip().splitlines()), "")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def place_of(error: BaseException) -> str:
    """Where in third-party code an error was raised, as `` (file:line)``: the last place outside qnas and PyTorch.

    ``""`` if no third-party code was involved.
    """
    if isinstance(error, SyntaxError):
        return f" ({error.filename}:{error.lineno})"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_file() and not _is_known(path):
            return f" ({frame.filename}:{frame.lineno})"
    return ""


def _is_known(path: Path) -> bool:
    """Whether a file belongs to qnas, to the standard library or to the libraries that networks are written with."""
    is_installed = "site-packages" in path.parts  # a folder inside that of the standard library
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
    """Whether an error of Python or PyTorch, on any device, means that memory ran out."""
    return isinstance(error, MemoryError) or any(phrase in str(error) for phrase in _OUT_OF_MEMORY)


def is_disk_full(error: OSError) -> bool:
    """Whether an error of the operating system or HDF5 means that the disk is full."""
    return error.errno in {errno.ENOSPC, errno.EDQUOT} or "No space left on device" in str(error)
