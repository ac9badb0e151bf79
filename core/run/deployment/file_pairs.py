"""Files to time side by side: a found network's, and the float network's of the same architecture."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from torch.export import ExportedProgram

from qnas.core.components import Target, freeze_statistics
from qnas.core.deploy.exporting import lowered_for, write
from qnas.core.deploy.lowering import capture, refuse_unfit_size
from qnas.core.run.deployment.export import proven_file
from qnas.core.run.deployment.found import FoundNetwork
from qnas.core.run.names import exported
from qnas.core.settings.lr_sizes import Size


@dataclass(frozen=True)
class FilePair:
    """Two files that were written in the same way for the same target.

    Attributes:
        found: The found network's.
        floating: The float network's.
        is_verified: Whether ``qnas export`` has proven the found network's.
    """

    found: Path
    floating: Path
    is_verified: bool

    @property
    def sha256(self) -> str:
        """Of the found network's file."""
        return hashlib.sha256(self.found.read_bytes()).hexdigest()


class FilePairs:
    """The files of a run for one target, each written when it is first asked for.

    Args:
        found: The found network, on the CPU.
        target: What to write for.
        folder: For new files.
    """

    def __init__(self, found: FoundNetwork, target: Target, folder: Path) -> None:
        self._found = found
        self._target = target
        self._folder = folder
        self._made: dict[Size | None, FilePair] = {}

    def of(self, size: Size) -> FilePair:
        """The pair for LR images of a size: with the file that ``qnas export`` wrote, where it takes them.

        Raises:
            InputError: The network can't be lowered or take that size, the target can't do it, or the file is not what
                was proven.
        """
        refuse_unfit_size(self._found.network, size)
        is_exported = self._known and self._known.get("size") in (None, list(size))
        return self._proven if is_exported else self._new(size)

    @cached_property
    def _known(self) -> Mapping[str, Any]:
        """What is known of the file that ``qnas export`` wrote for just this target, empty where there is none."""
        name = self._target.registered_name()
        is_there = self._found.folder.has(exported(name, self._target.suffix))
        known = self._found.run.exports.get(name, {}) if is_there else {}
        return known if known.get("target") == self._target.sized(None).reference() else {}

    @cached_property
    def _proven(self) -> FilePair:
        path, size = proven_file(self._found.run, self._target), self._known.get("size")
        floating = self._floating((size[0], size[1]) if size else None, freeze=bool(self._known.get("frozen")))
        return FilePair(path, floating, is_verified=True)

    def _new(self, size: Size) -> FilePair:
        made = self._made.get(None) or self._made.get(size)
        if made is None:
            lowered = lowered_for(self._found.network, self._target, size)
            found = self._write("found", lowered.size, lowered.program)
            made = FilePair(found, self._floating(lowered.size), is_verified=False)
            self._made[lowered.size] = made
        return made

    def _floating(self, size: Size | None, *, freeze: bool = False) -> Path:
        network = self._found.in_float()
        if freeze:
            freeze_statistics(network)
        return self._write("float", size, capture(network, size))

    def _write(self, name: str, size: Size | None, program: ExportedProgram) -> Path:
        taken = "x".join(map(str, size)) if size else "any"
        path = self._folder / f"{name}-{taken}{self._target.suffix}"
        write(self._target, program, path)
        return path
