"""The found network of a run, loaded from its folder to be used."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

import torch
from pydantic import ValidationError
from torch import nn

from qnas.core.components import Quantizer
from qnas.core.errors import InputError
from qnas.core.files.folder import RunFolder
from qnas.core.files.home import at_home
from qnas.core.images.settings import Degradation
from qnas.core.network import Architecture, guard
from qnas.core.run.weights import ARCHITECTURE, MODEL, SPEC, load_weights
from qnas.core.settings import as_of
from qnas.core.spec.document import read_document
from qnas.core.spec.kept import known_version


@dataclass(frozen=True)
class FoundNetwork:
    """A trained network.

    Attributes:
        folder: The run that found it.
        architecture: What it is built from.
        network: In evaluation mode, on its device.
        degradation: How the LR images were made that it was trained with.
    """

    folder: RunFolder
    architecture: Architecture
    network: nn.Module
    degradation: Degradation

    @property
    def scale(self) -> int:
        """The factor that it enlarges by."""
        return self.architecture.scale


def load_found(path: Path, device: torch.device) -> FoundNetwork:
    """Load the found network of a run.

    Of the spec only what the network depends on has to be valid: images and plugins of the training may be gone, and
    the files that it names, since the run's folder has what is needed of them.

    Args:
        path: The run's folder.
        device: Where the network goes.

    Raises:
        InputError: There is no run, it has trained no network yet, a file is damaged, or a plugin is missing.
    """
    folder = RunFolder(path)
    for name, lacking in ((SPEC, "there is no run in the folder"), (MODEL, "the run has not trained a network yet")):
        if not folder.has(name):
            raise InputError(f"{lacking} (no {name} in it)", str(path))
    spec = read_document(path / SPEC).data
    where = str(path / ARCHITECTURE)
    with at_home(path):
        architecture = Architecture.from_json(folder.read_text(ARCHITECTURE), where)
    with guard(architecture.space), as_of(known_version(spec)):
        network = architecture.rebuild(_quantizer(spec, str(path / SPEC)))
    load_weights(network, folder, spec["quantizer"]["train"], of_any_program=True)
    return FoundNetwork(folder, architecture, network.to(device).eval(), _degradation(spec, str(path / SPEC)))


def _quantizer(spec: Any, where: str) -> Quantizer:
    try:
        return Quantizer.of(spec["quantizer"]["train"])
    except (TypeError, KeyError):
        raise InputError("is damaged: it does not say quantizer.train", where) from None
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, ("quantizer", "train", *first["loc"])))
        raise InputError(f"{field}: {first['msg']}", where) from None


def _degradation(spec: Any, where: str) -> Degradation:
    """As the spec says; runs from before it could be chosen say nothing, and had Pillow's."""
    try:
        said = spec["data"]["degradation"]
    except (TypeError, KeyError):
        said = None
    if said is None:
        return "pillow"
    if said not in get_args(Degradation):
        raise InputError(f"data.degradation: must be {' or '.join(get_args(Degradation))}, is {said!r}", where)
    return cast("Degradation", said)
