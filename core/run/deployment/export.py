"""Exporting the found network of a run: files for targets, with what is known of each beside it."""

import copy
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from torch import nn

from qnas.core.components import Dataset, Target, freeze_statistics
from qnas.core.deploy.exporting import export, loaded
from qnas.core.deploy.loaded import LoadedFile
from qnas.core.deploy.lowering import lower
from qnas.core.deploy.parity import Sets
from qnas.core.errors import InputError, first_line
from qnas.core.files.folder import RunFolder
from qnas.core.images.loading import load_images
from qnas.core.run.names import exported
from qnas.core.run.record import RunRecord

Report = Callable[[str, int, int], object]
"""Called with the target, how many images are compared, and of how many."""


def planned(
    folder: Path,
    targets: Sequence[Target],
    scale: int,
    between: int | None,
    out: Path | None = None,
    *,
    force: bool = False,
) -> dict[Target, Path]:
    """Every target and the file to write for it.

    Args:
        folder: The run's.
        targets: What to export to.
        scale: The factor that the network enlarges by.
        between: The width of what stands between the network's slots, None for float.
        out: Where to write the file, if there is one target only.
        force: Whether to replace files that are there.

    Raises:
        InputError: A target can't run the network, lacks a size or is not installed, a file is there already, or its
            name does not fit the target.
    """
    for target in targets:
        target.versions()
        if reason := target.unfit(between) or target.unfit_size(target.size_at(scale)):
            raise InputError(reason, str(folder))
    files = {target: out or folder / exported(target.registered_name(), target.suffix) for target in targets}
    for target, path in files.items():
        if path.suffix != target.suffix:
            raise InputError(f"must end with {target.suffix}, for '{target.known_as}'", str(path))
        for written in (path, path.with_suffix(".json")):
            if written.exists() and not force:
                raise InputError("is there already: name another with -o, or replace it with --force", str(written))
    return files


def export_found(
    network: nn.Module,
    scale: int,
    files: Mapping[Target, Path],
    sets: Sets,
    *,
    freeze: bool = False,
    report: Report = lambda *_: None,
) -> Iterator[tuple[Target, dict[str, Any]]]:
    """Write and verify a file for each target, and beside it what is known of it, as JSON.

    Args:
        network: The found network on the CPU; it is left as it is.
        scale: The factor that it enlarges by.
        files: Where to write what.
        sets: Test sets to compare on.
        freeze: Whether to freeze what the network measures over whole images.
        report: Called with the progress of each target.

    Yields:
        Each target, and what is in the JSON.

    Raises:
        InputError: The network can't be lowered, or a target can't do it.
        QnasError: A file gives different images.
    """
    judged = copy.deepcopy(network)
    frozen = freeze_statistics(judged) if freeze else []
    total = sum(len(list(pairs)) for pairs in sets.values())
    sizes = {target: target.size_at(scale) for target in files}
    lowered = {size: lower(judged, size) for size in dict.fromkeys(sizes.values())}
    for target, path in files.items():
        name = target.registered_name()
        told = partial(_report_of, report, name, total)
        known = export(judged, lowered[sizes[target]], target, path, sets, scale, told)
        known |= {"scale": scale, "frozen": frozen}
        RunFolder(path.parent).write_json(path.with_suffix(".json").name, known)
        yield target, known


def _report_of(report: Report, name: str, total: int, done: int) -> None:
    report(name, done, total)


def proven_file(record: RunRecord, target: Target) -> Path:
    """The file that was exported for a target.

    Raises:
        InputError: There is none, or it is not the one that was verified.
    """
    name = target.registered_name()
    file, known = exported(name, target.suffix), exported(name, ".json")
    path = record.path / file
    if not record.folder.has(file) or not record.folder.has(known):
        raise InputError(f"the run has no file for '{name}' (qnas export RUN --target {name} writes one)", str(path))
    if hashlib.sha256(path.read_bytes()).hexdigest() != record.folder.read_json(known).get("sha256"):
        raise InputError("is not the file that was verified: it is damaged, or was replaced", str(path))
    return path


def open_exported(record: RunRecord, target: Target) -> LoadedFile:
    """The file that was exported for a target, loaded with the settings that it was verified with.

    Raises:
        InputError: There is none, it is not the one that was verified, or the target is not installed.
        QnasError: The runtime refuses it.
    """
    path = proven_file(record, target)
    name = exported(target.registered_name(), ".json")
    known = record.folder.read_json(name)
    try:
        verified = Target.of(known.get("target", target))
    except ValidationError as error:
        raise InputError(f"is damaged: {first_line(error)}", str(record.path / name)) from None
    verified.versions()
    return LoadedFile(loaded(verified, path), known.get("size"))


def sets_to_compare(record: RunRecord, datasets: Mapping[str, Dataset] | None = None) -> Sets:
    """Images to compare on, by the names of their sets: those of the run, or others.

    Raises:
        InputError: They are gone.
    """
    try:
        chosen = record.spec.data.test if datasets is None else datasets
        return {name: load_images(data, record.spec.scale, record.degradation) for name, data in chosen.items()}
    except InputError as error:
        if datasets is not None:
            raise
        raise InputError(f"{error} (name images to compare on with --data)") from error
