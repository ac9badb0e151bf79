"""Weights from a third-party file; nothing in it is ever executed."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from qnas.core.errors import InputError
from qnas.core.files.paths import expanded
from qnas.spaces.foreign.fitting import best_match, matches, notices, why_not
from qnas.spaces.foreign.weights_file import read_weights_file


def load_checkpoint(network: nn.Module, path: str, scale: int) -> list[str]:
    """Load weights into ``network``, and return what the user should know about them, one line each.

    The file is a safetensors file or one written by ``torch.save``: a state dict, or a checkpoint that has one under
    any keys. If it has several, the moving average, such as ``params_ema``, is used. Prefixes that DataParallel,
    torch.compile or a trainer put before the names are removed.

    Args:
        network: The network to load them into.
        path: The file. ``~`` is the user's home; a relative path starts from the current folder.
        scale: The factor that the network enlarges by, to report a file for another scale.

    Raises:
        InputError: The file can't be read, or its weights don't fit the network.
    """
    file = expanded(path).absolute()  # messages show where the file was looked for
    loaded = read_weights_file(file)
    own = values_of(network)
    found = matches(loaded, own)
    if not found:
        raise InputError(f"{file} holds no state dict ({_content(loaded)})")
    fitting = [match for match in found if match.fits]
    if not fitting:
        raise InputError(f"{file} does not fit the network: {why_not(found, own, scale)}")
    chosen = best_match(fitting, file)
    for name, value in chosen.weights.items():
        if value.is_complex() or not value.isfinite().all():
            raise InputError(f"{file} can't be used: {name} has values that are not finite real numbers")
    network.load_state_dict(chosen.weights, strict=False)  # all tensors are there; modules may keep more than tensors
    return notices(chosen, fitting, file)


def values_of(network: nn.Module) -> dict[str, Tensor]:
    """The tensors of a network's state dict, by name."""
    return {name: value for name, value in network.state_dict().items() if isinstance(value, Tensor)}


def _content(loaded: Any) -> str:
    if not isinstance(loaded, Mapping):
        return f"it holds a {type(loaded).__name__}"
    if not loaded:
        return "it is an empty mapping"
    keys = [str(key) for key in loaded]
    return f"it has keys {', '.join(keys[:6])}" + (", ..." if len(keys) > 6 else "")
