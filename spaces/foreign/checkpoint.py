"""Weights from a file that somebody else wrote; nothing in it is ever executed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from qnas.core.errors import InputError

_WRAPPERS = ("params_ema", "params", "state_dict", "model")  # what training scripts put a state dict in


def load_checkpoint(network: nn.Module, path: str) -> None:
    """Load weights into ``network``.

    Raises:
        InputError: The file can't be read, or its weights are not those of the network.
    """
    weights = _read(Path(path))
    own = network.state_dict()
    odd = sorted(set(own) ^ set(weights))
    if odd:
        some = ", ".join(odd[:3]) + (", ..." if len(odd) > 3 else "")
        raise InputError(f"{path} does not fit the network: only one of them has {some}")
    for name, value in weights.items():
        if value.shape != own[name].shape:
            shapes = f"{tuple(value.shape)}, not {tuple(own[name].shape)}"
            raise InputError(f"{path} does not fit the network: {name} is {shapes}")
        if value.is_complex() or not value.isfinite().all():
            raise InputError(f"{path} can't be used: {name} has values that are no finite real numbers")
    network.load_state_dict(weights)


def _read(path: Path) -> Mapping[str, Tensor]:
    try:
        loaded: Any
        if path.suffix == ".safetensors":
            loaded = safetensors.torch.load_file(path)
        else:
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise InputError(f"can't read {path}: {error.strerror or error}") from error
    except Exception as error:  # a damaged file may raise anything
        raise InputError(f"{path} is no file of weights (safetensors, or a PyTorch state dict)") from error
    for wrapper in _WRAPPERS:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(wrapper), Mapping):
            loaded = loaded[wrapper]
    if not (isinstance(loaded, Mapping) and all(isinstance(k, str) and _is_plain(v) for k, v in loaded.items())):
        raise InputError(f"{path} holds no state dict")
    return loaded


def _is_plain(value: Any) -> bool:
    return isinstance(value, Tensor) and value.layout == torch.strided and not value.is_meta
