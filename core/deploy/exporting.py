"""Exporting: a file for a target, kept only if it gives the same images as the network."""

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from torch import nn
from torch.export import ExportedProgram

from qnas.core.components import Runtime, Target
from qnas.core.deploy.lowering import Lowered, lower
from qnas.core.deploy.parity import Parity, Sets, compare
from qnas.core.deploy.quiet import quiet
from qnas.core.errors import InputError, QnasError, first_line
from qnas.core.settings.lr_sizes import Size

_UNVERIFIED = ".unverified"


def export(
    network: nn.Module,
    lowered: Lowered,
    target: Target,
    path: Path,
    sets: Sets,
    scale: int,
    report: Callable[[int], object] = lambda _: None,
) -> dict[str, Any]:
    """Write a lowered network for a target, run the file, and keep it if it gives the same images.

    Args:
        network: What it was lowered from, on the CPU.
        lowered: The lowered network.
        target: Where it is to run.
        path: Where to write it. Until it is verified, ``.unverified`` stands before its suffix; if it fails, it stays.
        sets: Images to compare on.
        scale: The factor that the network enlarges by.
        report: Called with how many images are compared.

    Returns:
        What to know about the file: its target with settings and versions, what was run for the proof, size, checksum,
        sizes that it takes, how many convolutions compute on integers, and parity.

    Raises:
        InputError: The target is not installed, takes images of one size only, or can't do something in the network.
        QnasError: The file gives different images.
    """
    versions = target.versions()
    if reason := target.unfit_size(lowered.size):
        raise InputError(reason)
    path.parent.mkdir(parents=True, exist_ok=True)
    unverified = path.with_name(f"{path.stem}{_UNVERIFIED}{path.suffix}")
    unverified.unlink(missing_ok=True)
    write(target, lowered.program, unverified)
    parity = compare(network, loaded(target, unverified), sets, scale, lowered.size, report)
    failure = parity.failure()
    if failure:
        raise QnasError(f"the file for '{target.known_as}' gives different images: {failure}; it stays as {unverified}")
    unverified.replace(path)
    return _described(lowered, target, path, parity, versions)


def write(target: Target, program: ExportedProgram, path: Path) -> None:
    """Write a lowered network for a target.

    Raises:
        InputError: The target can't write it.
    """
    try:
        with quiet():
            target.write(program, path)
    except (QnasError, OSError, MemoryError):
        raise
    except Exception as error:  # a converter raises whatever it likes
        raise InputError(f"'{target.known_as}' can't write the network: {first_line(error)}") from error


def loaded(target: Target, path: Path, threads: int = 0) -> Runtime:
    """A file that was written for a target, in its runtime.

    Raises:
        QnasError: The runtime refuses it.
    """
    try:
        with quiet():
            return target.load(path, threads)
    except (QnasError, MemoryError):
        raise
    except Exception as error:
        raise QnasError(f"'{target.known_as}' can't load what was written for it: {first_line(error)}") from error


@contextlib.contextmanager
def running(target: str, size: Size) -> Iterator[None]:
    """A context in which whatever a runtime raises on an image of a size becomes one line.

    Raises:
        QnasError: The runtime fails.
    """
    try:
        yield
    except (QnasError, MemoryError):
        raise
    except Exception as error:  # a runtime raises whatever it likes
        height, width = size
        raise QnasError(f"'{target}' fails on an image of {width} x {height}: {first_line(error)}") from error


def lowered_for(network: nn.Module, target: Target, size: Size) -> Lowered:
    """A network for images of any size, as it is exported if nothing else is said; where that can't be, of this one.

    Raises:
        InputError: It can't be lowered.
    """
    if target.any_size and target.size is None:
        with contextlib.suppress(InputError):
            return lower(network)
    return lower(network, size)


def _described(
    lowered: Lowered, target: Target, path: Path, parity: Parity, versions: dict[str, str]
) -> dict[str, Any]:
    content = path.read_bytes()
    return {
        "target": target.sized(None).reference(),
        "settings": dict(target.settings()),
        "versions": versions,
        "proof": target.proof,
        "file": path.name,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": list(lowered.size) if lowered.size else None,
        "smallest_size": lowered.smallest,
        "integer_convolutions": lowered.integer,
        "convolutions": lowered.total,
        "parity": parity.to_json(),
    }
