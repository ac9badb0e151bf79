"""Where to compute, and in which precision."""

import contextlib
from typing import Literal, TypeVar

import torch
from torch import nn

from qnas.core.errors import InputError, from_field
from qnas.core.network.probing.layout import is_contiguous_only

Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["float32", "bfloat16"]

N = TypeVar("N", bound=nn.Module)


def choose_device(name: Device) -> torch.device:
    """The device of that name; ``auto`` takes the fastest that is there.

    Raises:
        InputError: The machine has no such device.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, available in there.items() if available))
    if not there[name]:
        valid = ", ".join(["auto", *(kind for kind, available in there.items() if available)])
        with from_field("device"):
            raise InputError(f"this machine has no {name} (it has: {valid})")
    return torch.device(name)


def place(network: N, device: torch.device) -> N:
    """Move ``network`` to ``device``, its kernels channels last in memory if it permits: that is fastest."""
    network.to(device)
    if not is_contiguous_only(network):
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def autocast(device: torch.device, precision: Precision) -> contextlib.AbstractContextManager[object]:
    """A context in which convolutions run in ``precision``."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")
