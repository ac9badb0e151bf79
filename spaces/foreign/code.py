"""The code of targets: from the current folder, or the copy that a run keeps."""

import functools
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from qnas.core.errors import InputError, QnasWarning, from_field
from qnas.core.registry import is_foreign_code_refused
from qnas.spaces.foreign.kept_code import KeptCode, kept_code
from qnas.spaces.foreign.live_code import LiveCode, is_here
from qnas.spaces.foreign.local_code import FOLDER, Sources, read_sources
from qnas.spaces.foreign.target import targets_in

Code = LiveCode | KeptCode


def code_of(target: str, arguments: Mapping[str, Any], home: Path | None) -> Code:
    """The code to import a target, and the targets in its arguments, from.

    A run uses the local files that it keeps, unless identical files can be imported: those have what lies beside them,
    such as a file that they read.

    Args:
        target: The target.
        arguments: Its arguments.
        home: The run's folder, if the network belongs to a run.

    Raises:
        InputError: A file that the run keeps is gone or was changed; or ``--no-code`` refuses third-party code.
    """
    if is_foreign_code_refused():
        with from_field("target"):
            raise InputError(f"names code to run, {target}, which --no-code refuses")
    live = LiveCode(sorted({name.partition(":")[0] for name in (target, *targets_in(arguments))}))
    kept = read_sources(home) if home else {}
    if home is None or not kept:
        return live
    _warn_of_others(tuple(_others(kept, Path.cwd())), home)
    return live if is_here(kept) else kept_code(kept, home / FOLDER)


def _others(kept: Sources, folder: Path) -> Iterable[str]:
    """The files of the current folder that differ from the kept ones."""
    for source in kept.values():
        file = folder / source.file
        if file.is_file() and file.read_bytes() != source.content:
            yield source.file


@functools.lru_cache(maxsize=256)
def _warn_of_others(files: tuple[str, ...], home: Path) -> None:
    """Warn once that these files are not used."""
    if files:
        differing = f"{' and '.join(files)} in the current folder is not what {home} was made with"
        warnings.warn(f"{differing}: the copy in {home / FOLDER} is used", QnasWarning, stacklevel=2)
