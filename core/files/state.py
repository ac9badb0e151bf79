"""The state of a loop as bytes: a safetensors file with JSON for everything but tensors, and a checksum of it all."""

import json
from collections.abc import Mapping
from typing import Any, Protocol

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from qnas.core.files.checksum import ChecksumError, metadata_of, refuse_broken, with_checksum

State = Mapping[str, Any]
"""Mappings and lists of tensors, numbers, texts, true, false and None, nested to any depth."""

_FORMAT = "1"


class Stateful(Protocol):
    """An object that can be saved and continued, like PyTorch's networks, optimizers and schedules."""

    def state_dict(self) -> State:
        """Everything that the rest of its work depends on, except the generators of Python, NumPy and PyTorch."""

    def load_state_dict(self, state_dict: Any, /) -> object:
        """Continue from such a state."""


class DamagedStateError(ValueError):
    """The bytes are not those that :func:`to_bytes` made; the message says why."""


def to_bytes(state: State) -> bytes:
    """The state as a safetensors file. Tensors keep their layout in memory, whatever device they are on.

    Raises:
        TypeError: It contains something that a :data:`State` can't hold.
    """
    tensors: dict[str, Tensor] = {}
    text = json.dumps(_pack(state, tensors))
    return with_checksum(tensors, {"format": _FORMAT, "state": text})


def from_bytes(content: bytes) -> dict[str, Any]:
    """The state passed to :func:`to_bytes`, with the tensors on the CPU; tuples become lists.

    Raises:
        DamagedStateError: The bytes are not those that were written.
    """
    try:
        refuse_broken(content)
    except ChecksumError as error:
        raise DamagedStateError(str(error)) from error
    try:
        header = metadata_of(content)
        kept, text = header["format"], header["state"]
        state = _unpack(json.loads(text), safetensors.torch.load(content)) if kept == _FORMAT else None
    except (safetensors.SafetensorError, LookupError, ValueError, TypeError, RuntimeError) as error:
        raise DamagedStateError(f"it holds no state: {error}") from error
    if not isinstance(state, dict):
        raise DamagedStateError(f"its format is {kept}, and this version of qnas reads {_FORMAT}")
    return state


def _pack(value: Any, tensors: dict[str, Tensor]) -> Any:
    """``value`` as JSON; its tensors go into ``tensors``, each under a number."""
    if isinstance(value, Tensor):
        name = str(len(tensors))
        tensors[name] = value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
        return {"tensor": name, "stride": torch.empty_like(value, device="meta").stride()}
    if isinstance(value, Mapping):  # as pairs, since optimizers have keys that are numbers
        return {"mapping": [[_pack(key, tensors), _pack(inner, tensors)] for key, inner in value.items()]}
    if isinstance(value, list | tuple):
        return [_pack(inner, tensors) for inner in value]
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(f"a state holds tensors, numbers, texts, lists and mappings, not {type(value).__name__}")


def _unpack(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    if isinstance(value, list):
        return [_unpack(inner, tensors) for inner in value]
    if not isinstance(value, dict):
        return value
    if "tensor" in value:
        tensor = tensors[value["tensor"]]
        return torch.empty_strided(tensor.shape, value["stride"], dtype=tensor.dtype).copy_(tensor)
    return {_unpack(key, tensors): _unpack(inner, tensors) for key, inner in value["mapping"]}
