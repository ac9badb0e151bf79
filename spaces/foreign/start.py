"""The weights that a network starts from: in a file, later also in the run's folder."""

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Final

from torch import Tensor, nn

from qnas.core.errors import InputError
from qnas.core.files.folder import RunFolder
from qnas.core.run.names import result_of
from qnas.spaces.foreign.checkpoint import Scales, load_checkpoint, values_of
from qnas.spaces.foreign.naming import Names

OWN: Final = frozenset({"fresh", "module"})
"""Values of ``weights`` in a spec that name no file."""
FILE: Final = "start.safetensors"
_TRAINED: Final = result_of("train")


def load_start(
    network: nn.Module,
    weights: str,
    scale: int,
    home: Path | None,
    names: Sequence[Names] = (),
    others: Scales = tuple,
) -> list[str]:
    """Load the weights that a network starts from, and return what the user should know about them, one line each.

    Args:
        network: The network to load them into.
        weights: A file's path, or one of ``OWN``, as in the spec.
        scale: The factor that the network enlarges by.
        home: The run's folder, if the network belongs to a run. The run's copy comes first; a trained run whose copy is
            gone needs no weights to start from.
        names: The names that its values may have in the file; see :func:`load_checkpoint`.
        others: Other scales that the file may be for.

    Raises:
        InputError: The weights can't be read, or don't fit the network.
    """
    if weights in OWN:
        return []
    run = RunFolder(home) if home else None
    if run is None or not (run.has(FILE) or run.has(_TRAINED)):
        return load_checkpoint(network, weights, scale, names, others)
    if run.has(FILE):
        _load(network, run.read_tensors(FILE), run.path / FILE)
    return []


def start_state(weights: str, home: Path | None) -> Hashable:
    """A value that changes whenever a file that :func:`load_start` reads does."""
    copies = [home / FILE, home / _TRAINED] if home else []
    return () if weights in OWN else tuple(map(_stamp, [Path(weights).absolute(), *copies]))


def _stamp(path: Path) -> Hashable:
    try:
        status = path.stat()
    except (OSError, ValueError):  # the text may be no valid path
        return path
    return path, status.st_ino, status.st_size, status.st_mtime_ns


def keep_start(weights: Mapping[str, Tensor], folder: Path) -> None:
    """Copy the weights that a network starts from, by its names, into a run's folder."""
    RunFolder(folder).write_tensors(FILE, {name: value.clone() for name, value in weights.items()})


def _load(network: nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    own = {name: value.shape for name, value in values_of(network).items()}
    if own != {name: value.shape for name, value in weights.items()}:
        raise InputError("does not fit the network that the spec names: one of the two was changed", str(path))
    network.load_state_dict(weights, strict=False)
