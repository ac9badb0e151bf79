"""The found network of a run, loaded from its folder to be used."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from qnas.core.components import Degradation
from qnas.core.errors import InputError
from qnas.core.files.folder import RunFolder
from qnas.core.network import Architecture
from qnas.core.run.names import MODEL, SPEC
from qnas.core.run.record import RunRecord


@dataclass(frozen=True)
class FoundNetwork:
    """A trained network.

    Attributes:
        run: The run that found it.
        network: In evaluation mode, on its device.
    """

    run: RunRecord
    network: nn.Module

    @property
    def folder(self) -> RunFolder:
        """The folder of the run."""
        return self.run.folder

    @property
    def architecture(self) -> Architecture:
        """What it is built from."""
        return self.run.architecture

    @property
    def scale(self) -> int:
        """The factor that it enlarges by."""
        return self.architecture.scale

    @property
    def degradation(self) -> Degradation:
        """How the LR images were made that it was trained with.

        Raises:
            InputError: The spec does not say it, or a plugin is missing.
        """
        return self.run.degradation


def load_found(path: Path, device: torch.device) -> FoundNetwork:
    """Load the found network of a run.

    Args:
        path: The run's folder.
        device: Where the network goes.

    Raises:
        InputError: There is no run, it has trained no network yet, a file is damaged, or a plugin is missing.
    """
    run = RunRecord(RunFolder(path))
    for name, lacking in ((SPEC, "there is no run in the folder"), (MODEL, "the run has not trained a network yet")):
        if not run.folder.has(name):
            raise InputError(f"{lacking} (no {name} in it)", str(path))
    return FoundNetwork(run, run.network().to(device))
