"""The run folder, the only place that a run writes to. Each file is written whole or not at all."""

import errno
import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qnas.core.errors import InputError
from qnas.core.files.atomic import clear_asides, naming, write_atomically
from qnas.core.files.links import refuse_links_out

if TYPE_CHECKING:
    from torch import Tensor

HISTORY = "history.jsonl"
"""The file in a stage's folder that has its history, one record a line."""


def _finite(data: Any) -> Any:
    """``data`` with null for numbers that are not finite, which JSON lacks."""
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if isinstance(data, Mapping):
        return {key: _finite(value) for key, value in data.items()}
    return [_finite(value) for value in data] if isinstance(data, list | tuple) else data


def _history(stage: str) -> str:
    return f"{stage}/{HISTORY}"


class RunFolder:
    """A run's folder: writes and reads its files.

    Only methods that read or write tensors load torch.

    Args:
        path: It need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def refuse_existing(self) -> None:
        """Refuse a folder that exists or can't be made.

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

    def refuse_links(self) -> None:
        """Refuse a folder in which a link leads out or nowhere, or something is neither file nor folder.

        Raises:
            InputError: There is one.
        """
        refuse_links_out(self.path)

    def clear_asides(self) -> None:
        """Remove files that a killed process left half written."""
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

    def write_tensors(self, name: str, tensors: "Mapping[str, Tensor]", **metadata: str) -> None:
        """Write tensors as safetensors, with a checksum."""
        from qnas.core.files.checksum import with_checksum

        flat = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
        self.write_bytes(name, with_checksum(flat, metadata))

    def read_text(self, name: str) -> str:
        """Read a text file.

        Raises:
            InputError: It does not exist or is not text.
        """
        try:
            return self._file(name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError("can't be read: the run is incomplete or damaged", str(self.path / name)) from error

    def read_json(self, name: str) -> dict[str, Any]:
        """Read a JSON file.

        Raises:
            InputError: It does not exist or is broken.
        """
        return self._parse(self.read_text(name), name)

    def read_tensors(self, name: str) -> "dict[str, Tensor]":
        """Read a safetensors file.

        Raises:
            InputError: It does not exist or is broken.
        """
        return self.read_checked(name)[0]

    def read_checked(self, name: str, or_unchecked: bool = False) -> "tuple[dict[str, Tensor], dict[str, str]]":
        """Read a safetensors file and its metadata, whose ``sha256`` is the checksum.

        Args:
            name: The file's.
            or_unchecked: Whether a file without a checksum, as other programs write it, is accepted.

        Raises:
            InputError: It does not exist or is broken.
        """
        import safetensors.torch

        from qnas.core.files.checksum import has_checksum, metadata_of, refuse_broken

        try:
            content = self._file(name).read_bytes()
            if has_checksum(content) or not or_unchecked:
                refuse_broken(content)
            return safetensors.torch.load(content), metadata_of(content)
        except (OSError, ValueError, safetensors.SafetensorError, LookupError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            raise InputError(f"can't be read: {reason}", str(self.path / name)) from None

    def begin_history(self, stage: str) -> None:
        """Start the history of a stage from scratch."""
        self.write_text(_history(stage), "")

    def cut_history(self, stage: str, size: int) -> None:
        """Cut the history of a stage to its first ``size`` bytes."""
        os.truncate(self.path / _history(stage), size)

    def history_size(self, stage: str) -> int:
        """The size of a stage's history in bytes, 0 if it has none."""
        return (self.path / _history(stage)).stat().st_size if self.has(_history(stage)) else 0

    def sync_history(self, stage: str) -> None:
        """Make what a stage has recorded survive a power cut."""
        path = self.path / _history(stage)
        if path.is_file():
            with naming(path), path.open("ab") as stream:
                os.fsync(stream.fileno())

    def append_history(self, stage: str, record: Mapping[str, Any]) -> None:
        """Add a line to the history of a stage."""
        path = self.path / _history(stage)
        with naming(path), path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(_finite(record), allow_nan=False) + "\n")

    def history(self, stage: str) -> Iterator[dict[str, Any]]:
        """The records of a stage's history; none if it has no history.

        Raises:
            InputError: A line is broken.
        """
        if self.has(_history(stage)):
            for line in self._history_text(stage).splitlines():
                yield self._parse(line, _history(stage))

    def _history_text(self, stage: str) -> str:
        return self.read_text(_history(stage))

    def _file(self, name: str) -> Path:
        """The path of a file, refused if it exists and is not a regular file: reading a pipe could take forever."""
        path = self.path / name
        if path.exists() and not path.is_file():
            raise OSError(errno.EINVAL, "it is not a regular file")
        return path

    def _parse(self, text: str, name: str) -> dict[str, Any]:
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(f"is damaged: {error}", str(self.path / name)) from None
        if not isinstance(data, dict):
            raise InputError("is damaged: it is not a JSON object", str(self.path / name))
        return data
