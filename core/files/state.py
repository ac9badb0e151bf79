"""The state of a loop as bytes: a safetensors file with JSON for all that is no tensor, and a checksum over it all."""

import json
from collections.abc import Mapping
from typing import Any, Protocol

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from qnas.core.files.checksum import ChecksumError, metadata_of, refuse_broken, with_checksum

State = Mapping[str, Any]
"""Mappings and lists of tensors, numbers, texts, true, false and None, as deep as they come."""

_FORMAT = "1"


class Stateful(Protocol):
    """What can be kept and gone on with, as PyTorch's networks, optimizers and schedules can."""

    def state_dict(self) -> State:
        """All that the rest of it depends on, but the generators of Python, NumPy and PyTorch."""

    def load_state_dict(self, state_dict: Any, /) -> object:
        """Go on from such a state."""


class DamagedStateError(ValueError):
    """Bytes that are not what :func:`to_bytes` made; the message says how that is known."""


def to_bytes(state: State) -> bytes:
    """The state as a safetensors file. Tensors keep their layout in memory, whatever device they are on.

    Raises:
        TypeError: There is something in it that is no part of a :data:`State`.
    """
    tensors: dict[str, Tensor] = {}
    text = json.dumps(_pack(state, tensors))
    return with_checksum(tensors, {"format": _FORMAT, "state": text})


def from_bytes(content: bytes) -> dict[str, Any]:
    """What :func:`to_bytes` was given, with the tensors on the CPU; tuples are lists.

    Raises:
        DamagedStateError: It is not what was written.
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
        raise DamagedStateError(f"it is of format {kept}, and this version of qnas reads {_FORMAT}")
    return state


def _pack(value: Any, tensors: dict[str, Tensor]) -> Any:
    """``value`` as JSON; its tensors are put aside, each under a number."""
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
    raise TypeError(f"a state is made of tensors, numbers, texts, lists and mappings, not of {type(value).__name__}")


def _unpack(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    if isinstance(value, list):
        return [_unpack(inner, tensors) for inner in value]
    if not isinstance(value, dict):
        return value
    if "tensor" in value:
        tensor = tensors[value["tensor"]]
        return torch.empty_strided(tensor.shape, value["stride"], dtype=tensor.dtype).copy_(tensor)
    return {_unpack(key, tensors): _unpack(inner, tensors) for key, inner in value["mapping"]}
