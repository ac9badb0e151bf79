"""The weights that a network from elsewhere starts from: in a file, and then in the run's folder too."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from torch import Tensor, nn

from qnas.core.errors import InputError
from qnas.core.files.folder import RunFolder
from qnas.spaces.foreign.checkpoint import load_checkpoint, values_of

OWN: Final = frozenset({"fresh", "module"})
"""What stands in a spec for no file."""
FILE: Final = "start.safetensors"
_TRAINED: Final = "train/result.json"


def load_start(network: nn.Module, weights: str, scale: int, home: Path | None) -> list[str]:
    """Load the weights that a network starts from, and return what a user should know of them, a line each.

    Args:
        network: What gets them.
        weights: As the spec has it: a file's path, or one of ``OWN``.
        scale: The factor that the network enlarges by.
        home: The run's folder, if it is the network of a run. Its copy comes first; once the run is trained there is
            nothing to start.

    Raises:
        InputError: They can't be read, or are not those of the network.
    """
    if weights in OWN:
        return []
    run = RunFolder(home) if home else None
    if run is None or not (run.has(FILE) or run.has(_TRAINED)):
        return load_checkpoint(network, weights, scale)
    if run.has(FILE) and not run.has(_TRAINED):
        _load(network, run.read_tensors(FILE), run.path / FILE)
    return []


def keep_start(network: nn.Module, folder: Path) -> None:
    """Copy the weights that a network starts from into a run's folder."""
    RunFolder(folder).write_tensors(FILE, {name: value.clone() for name, value in values_of(network).items()})


def _load(network: nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    own = {name: value.shape for name, value in values_of(network).items()}
    if own != {name: value.shape for name, value in weights.items()}:
        raise InputError("is not of the network that the spec names: one of the two was changed", str(path))
    network.load_state_dict(weights, strict=False)
