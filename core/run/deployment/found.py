"""The found network of a run, loaded from its folder to be used."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from qnas.core.components import Degradation, Quantizer
from qnas.core.files.folder import RunFolder
from qnas.core.network import Architecture
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

    def in_float(self) -> nn.Module:
        """The network with the same operations and nothing quantized, in evaluation mode, on the CPU.

        Its layers have the same weights, which were trained to be quantized: it is there to be timed, not to be judged.
        """
        network, trained = self.run.untrained(Quantizer.of("none")), self.network.state_dict()
        own = {name: tensor.shape for name, tensor in network.state_dict().items()}
        alike = {name: tensor for name, tensor in trained.items() if own.get(name) == tensor.shape}
        network.load_state_dict(alike, strict=False)
        return network.eval()


def load_found(path: Path, device: torch.device) -> FoundNetwork:
    """Load the found network of a run.

    Args:
        path: The run's folder.
        device: Where the network goes.

    Raises:
        InputError: There is no run, it has trained no network yet, a file is damaged, or a plugin is missing.
    """
    run = RunRecord(RunFolder(path))
    run.refuse_untrained()
    return FoundNetwork(run, run.network().to(device))
