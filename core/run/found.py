"""The found network of a run, loaded from its folder to be used."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import nn

from qnas.core.components import Degradation, Quantizer
from qnas.core.errors import InputError
from qnas.core.files.folder import RunFolder
from qnas.core.files.home import at_home
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
        spec: The run's spec.yaml, not validated.
    """

    folder: RunFolder
    architecture: Architecture
    network: nn.Module
    spec: Any

    @property
    def scale(self) -> int:
        """The factor that it enlarges by."""
        return self.architecture.scale

    @cached_property
    def degradation(self) -> Degradation:
        """How the LR images were made that it was trained with.

        Raises:
            InputError: The spec does not say it, or a plugin is missing.
        """
        return _degradation(self.spec, str(self.folder.path / SPEC))


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
    return FoundNetwork(folder, architecture, network.to(device).eval(), spec)


def _quantizer(spec: Any, where: str) -> Quantizer:
    try:
        said = spec["quantizer"]["train"]
    except (TypeError, KeyError):
        raise InputError("is damaged: it does not say quantizer.train", where) from None
    with _at(where, "quantizer", "train"):
        return Quantizer.of(said)


def _degradation(spec: Any, where: str) -> Degradation:
    """As the spec says; runs from before it could be chosen say nothing, and had Pillow's."""
    try:
        said = spec["data"]["degradation"]
    except (TypeError, KeyError):
        said = None
    with _at(where, "data", "degradation"):
        return Degradation.of("pillow" if said is None else said)


@contextlib.contextmanager
def _at(where: str, *field: str) -> Iterator[None]:
    """Name the file and the field of what is invalid."""
    try:
        yield
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(map(str, (*field, *first["loc"])))
        raise InputError(f"{path}: {first['msg']}", where) from None
