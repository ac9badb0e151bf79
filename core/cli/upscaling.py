"""The network of a run as the commands use it."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from qnas.core.errors import QnasWarning

if TYPE_CHECKING:
    from qnas.core.run.deployment.found import FoundNetwork
    from qnas.core.training.machine import Device
    from qnas.core.upscale.tiles import Upscaler


def load_upscaler(run: Path, device: "Device", tile: int | None, freeze: bool) -> tuple["FoundNetwork", "Upscaler"]:
    """The network that a run found, and its upscaler.

    Args:
        run: The run's folder.
        device: Where to compute.
        tile: See :class:`qnas.core.upscale.tiles.Upscaler`.
        freeze: Whether to freeze its statistics over whole images.

    Raises:
        InputError: The run or the device can't be used, or the network can't do tiles.
    """
    from qnas.core.cli.terminal.say import say
    from qnas.core.components import freeze_statistics
    from qnas.core.run.deployment.found import load_found
    from qnas.core.training.machine import choose_device
    from qnas.core.upscale.tiles import Upscaler

    place = choose_device(device)
    found = load_found(run, place)
    if freeze and not freeze_statistics(found.network):
        warnings.warn(
            "--freeze changes nothing: the network measures nothing over whole images", QnasWarning, stacklevel=2
        )
    return found, Upscaler(found.network, found.scale, place, tile, say)


def load_exported(run: Path, name: str) -> tuple[int, "Upscaler"]:
    """The scale of a run, and what enlarges with the file that it exported for a target.

    Raises:
        InputError: There is no such file, or it can't be used.
    """
    import torch

    from qnas.core.components import Target
    from qnas.core.files.folder import RunFolder
    from qnas.core.run.deployment.export import open_exported
    from qnas.core.run.record import RunRecord
    from qnas.core.upscale.tiles import Upscaler

    record = RunRecord(RunFolder(run))
    file = open_exported(record, Target.named(name))
    scale = record.architecture.scale
    return scale, Upscaler(file, scale, torch.device("cpu"), tile=0)
