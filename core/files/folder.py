"""The run folder: the one place that a run writes to, never half a file at a time."""

import contextlib
import errno
import hashlib
import itertools
import json
import math
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from qnas.core.errors import InputError
from qnas.core.files.checksum import has_checksum, metadata_of, refuse_broken, with_checksum
from qnas.core.files.exclusive import is_alive
from qnas.core.files.links import refuse_links_out

_ASIDE = re.compile(r"\..+\.([0-9]+)")  # as written_aside names them
_LEFT_SECONDS = 3600.0
_LONGEST_NAME = 255  # bytes, on nearly every file system


def write_atomically(path: Path, content: bytes) -> None:
    """Write a whole file or nothing: aside first, then renamed into place.

    Raises:
        OSError: It can't be written; it names ``path``.
    """
    with written_aside(path) as aside:
        aside.write_bytes(content)


@contextlib.contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Where to write what will be at ``path``, once it is whole: it is renamed into place when all went well.

    Raises:
        OSError: It can't be written; it names ``path``.
    """
    aside = _aside_of(path)
    try:
        make_folder(path.parent)
        yield aside
        with aside.open("r+b") as stream:
            os.fsync(stream.fileno())
        aside.replace(path)
        sync_folder(path.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename = str(path)
        raise


def _aside_of(path: Path) -> Path:
    """Hidden, beside ``path``, with the number of this process; a hash stands for a name that leaves no room for it."""
    aside = f".{path.name}.{os.getpid()}"
    if len(os.fsencode(aside)) > _LONGEST_NAME >= len(os.fsencode(path.name)):
        aside = f".{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:32]}.{os.getpid()}"
    return path.with_name(aside)


def clear_asides(paths: Iterable[Path], *, only_left: bool = False) -> None:
    """Remove those of the files that :func:`written_aside` left half written when its process was killed.

    Args:
        paths: Of any files.
        only_left: Others may be at work there: leave what was written to in the last hour (by a process of another
            machine, it may be), or is of a process that lives.

    Raises:
        OSError: One can't be removed.
    """
    for path in paths:
        found = _ASIDE.fullmatch(path.name)
        if found and not path.is_dir() and not (only_left and _is_perhaps_written(path, int(found[1]))):
            path.unlink(missing_ok=True)


def _is_perhaps_written(aside: Path, process: int) -> bool:
    return is_alive(process) or time.time() - aside.lstat().st_mtime < _LEFT_SECONDS


def make_folder(path: Path) -> None:
    """Make a folder, and those that it is in, so that all of them stay after a power cut too.

    Raises:
        OSError: It can't be made.
    """
    made = list(itertools.takewhile(lambda folder: not folder.exists(), (path, *path.parents)))
    path.mkdir(parents=True, exist_ok=True)
    for folder in made:
        sync_folder(folder.parent)  # which has its name


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Name the file in what the operating system says of it."""
    try:
        yield
    except OSError as error:
        error.filename = str(path)
        raise


def sync_folder(path: Path) -> None:
    """Let what was renamed in a folder be so after a power cut too, where the system can do that."""
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _finite(data: Any) -> Any:
    """``data`` with null for numbers that JSON does not have."""
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if isinstance(data, Mapping):
        return {key: _finite(value) for key, value in data.items()}
    return [_finite(value) for value in data] if isinstance(data, list | tuple) else data


class RunFolder:
    """A run's folder, as architecture, weights and results are written to and read from it.

    Args:
        path: It need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def refuse_existing(self) -> None:
        """Refuse a folder that is there already, or can't be made.

        Raises:
            InputError: It exists, or the folder that it would be in can't be written to.
        """
        if self.path.exists():
            raise InputError(
                "the output folder exists; choose another with --out, or go on with --resume", str(self.path)
            )
        parent = next(folder for folder in self.path.absolute().parents if folder.exists())
        if not parent.is_dir() or not os.access(parent, os.W_OK):
            why = f"the output folder can't be made: {parent} is no folder that can be written to"
            raise InputError(why, str(self.path))

    def refuse_missing(self) -> None:
        """Refuse to go on with a run that never began.

        Raises:
            InputError: There is no run in the folder.
        """
        if not self.has("spec.yaml"):
            raise InputError("there is no run to resume (no spec.yaml in it)", str(self.path))

    def refuse_links(self) -> None:
        """Refuse a folder in which a link leads out or nowhere, or something is neither file nor folder.

        Raises:
            InputError: There is one.
        """
        refuse_links_out(self.path)

    def clear_asides(self) -> None:
        """Remove what a process that was killed left half written."""
        clear_asides(self.path.rglob(".*"))

    def has(self, name: str) -> bool:
        """Whether the file is there."""
        return (self.path / name).is_file()

    def write_text(self, name: str, text: str) -> None:
        """Write a text file."""
        self.write_bytes(name, text.encode())

    def write_bytes(self, name: str, content: bytes) -> None:
        """Write a file."""
        write_atomically(self.path / name, content)

    def write_json(self, name: str, data: Mapping[str, Any]) -> None:
        """Write a JSON file."""
        self.write_text(name, json.dumps(_finite(data), indent=2, allow_nan=False) + "\n")

    def write_tensors(self, name: str, tensors: Mapping[str, Tensor], **metadata: str) -> None:
        """Write tensors as safetensors, with a checksum."""
        flat = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
        self.write_bytes(name, with_checksum(flat, metadata))

    def read_text(self, name: str) -> str:
        """Read a text file.

        Raises:
            InputError: It is not there or no text.
        """
        try:
            return self._file(name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError("can't be read: the run is incomplete or damaged", str(self.path / name)) from error

    def read_json(self, name: str) -> dict[str, Any]:
        """Read a JSON file.

        Raises:
            InputError: It is not there or broken.
        """
        return self._parse(self.read_text(name), name)

    def read_tensors(self, name: str) -> dict[str, Tensor]:
        """Read a safetensors file.

        Raises:
            InputError: It is not there or broken.
        """
        return self.read_checked(name)[0]

    def read_checked(self, name: str, or_unchecked: bool = False) -> tuple[dict[str, Tensor], dict[str, str]]:
        """Read a safetensors file and its metadata, in which the checksum is ``sha256``.

        Args:
            name: The file's.
            or_unchecked: Whether one will do that has no checksum, as other programs write it.

        Raises:
            InputError: It is not there or broken.
        """
        try:
            content = self._file(name).read_bytes()
            if has_checksum(content) or not or_unchecked:
                refuse_broken(content)
            return safetensors.torch.load(content), metadata_of(content)
        except (OSError, ValueError, safetensors.SafetensorError, LookupError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            raise InputError(f"can't be read: {reason}", str(self.path / name)) from None

    def begin_history(self, stage: str) -> None:
        """Start the history of a stage anew."""
        self.write_text(f"{stage}/history.jsonl", "")

    def cut_history(self, stage: str, size: int) -> None:
        """Take from the history of a stage what comes behind its first ``size`` bytes."""
        os.truncate(self.path / stage / "history.jsonl", size)

    def history_size(self, stage: str) -> int:
        """How many bytes the history of a stage has."""
        return (self.path / stage / "history.jsonl").stat().st_size if self.has(f"{stage}/history.jsonl") else 0

    def sync_history(self, stage: str) -> None:
        """Let what a stage has recorded stay after a power cut too."""
        path = self.path / stage / "history.jsonl"
        if path.is_file():
            with _naming(path), path.open("ab") as stream:
                os.fsync(stream.fileno())

    def append_history(self, stage: str, record: Mapping[str, Any]) -> None:
        """Add a line to the history of a stage."""
        path = self.path / stage / "history.jsonl"
        with _naming(path), path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(_finite(record), allow_nan=False) + "\n")

    def history(self, stage: str) -> Iterator[dict[str, Any]]:
        """The lines of a stage's history; empty where it has none.

        Raises:
            InputError: A line is broken.
        """
        if self.has(f"{stage}/history.jsonl"):
            for line in self.read_text(f"{stage}/history.jsonl").splitlines():
                yield self._parse(line, f"{stage}/history.jsonl")

    def _file(self, name: str) -> Path:
        """Where a file is that has an end: one could wait for ever for that of a pipe."""
        path = self.path / name
        if path.exists() and not path.is_file():
            raise OSError(errno.EINVAL, "it is no plain file")
        return path

    def _parse(self, text: str, name: str) -> dict[str, Any]:
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(f"is damaged: {error}", str(self.path / name)) from None
        if not isinstance(data, dict):
            raise InputError("is damaged: it holds no JSON object", str(self.path / name))
        return data
