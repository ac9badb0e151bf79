"""What a run ran on."""

import importlib.metadata
import platform
import sys
from collections.abc import Sequence
from typing import Any

import torch

from qnas.core.registry import plugins

_PACKAGES = ("qnas", "torch", "numpy", "pillow", "scikit-image", "h5py", "pydantic", "safetensors")


def environment(seed: int, device: torch.device, command: Sequence[str]) -> dict[str, Any]:
    """Versions, device, seed and command line."""
    return {
        "command": list(command),
        "seed": seed,
        "device": str(device),
        "device_name": torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "platform": platform.platform(),
        "python": sys.version.split()[0],
        "packages": {name: importlib.metadata.version(name) for name in _PACKAGES} | _third_parties(),
    }


def _third_parties() -> dict[str, str]:
    """The distributions whose plugins are loaded, which may have had a part in the run."""
    return {info.distribution: info.version for info in plugins().found if not (info.is_ours or info.lack)}
