"""A run that several processes do together.

All of them do the same, each with its share of every batch. The first works in the run's folder. Each of the others
works in a copy of its own, which is thrown away: what it would write is what the first one writes.
"""

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from qnas.core.errors import InputError, from_field, inside_field
from qnas.core.files.folder import RunFolder
from qnas.core.ranks import environment, from_main, joined, world
from qnas.core.spec import Spec
from qnas.core.training.machine import choose_device, unequal_shares

STAGES_OF_MAIN = frozenset({"export", "report"})
"""Stages that train nothing and leave nothing that others read: the first process does them."""

_SHARED = ("cpu", "cuda")


@contextlib.contextmanager
def together(spec: Spec, folder: RunFolder, *, resume: bool) -> Iterator[RunFolder]:
    """Join the processes that were started with this one, if there are any; gives the folder to work in.

    Raises:
        InputError: A batch can't be shared by them.
        LostProcessError: One of them is gone.
    """
    with joined(_device_to_share(spec)):
        _refuse_unequal(spec)
        if world().size == 1:
            yield folder
            return
        content = from_main(_content(folder.path) if resume and world().is_main else {})
        if world().is_main:
            yield folder
            return
        with tempfile.TemporaryDirectory(prefix="qnas-") as parent:
            copy = RunFolder(Path(parent) / folder.path.absolute().name)
            _write(content, copy.path)
            yield copy


def _device_to_share(spec: Spec) -> str:
    """The type of the device that the processes compute on."""
    device = choose_device(spec.device).type
    if environment().size > 1 and device not in _SHARED:
        with from_field("device"):
            raise InputError(f"several processes train on {' or '.join(_SHARED)}, not on {device}: set one of them")
    return device


def _refuse_unequal(spec: Spec) -> None:
    for settings in ("search", "train"):
        batch = getattr(getattr(spec, settings), "batch", 0)
        if batch % world().size:
            with inside_field(settings):
                error = unequal_shares(batch, world().size)
                error.field = ("batch",)
                raise error


def _content(folder: Path) -> dict[str, bytes]:
    if not folder.is_dir():
        return {}
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def _write(content: Mapping[str, bytes], folder: Path) -> None:
    for name, data in content.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
