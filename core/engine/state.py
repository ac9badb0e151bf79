"""The state of a loop as bytes: a safetensors file with JSON for all that is no tensor, and a checksum over it all."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Protocol

import safetensors
import safetensors.torch
import torch
from torch import Tensor

State = Mapping[str, Any]
"""Mappings and lists of tensors, numbers, texts, true, false and None, as deep as they come."""

_FORMAT = "1"
_FIELD = b'"sha256":"'  # in JSON that is a text within JSON, the quotes would be escaped
_UNKNOWN = b"0" * 64


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

    Note:
        The checksum is in the header, taken with zeros in its place. So there is one file, renamed into place as a
        whole, and every reader of safetensors can open it; a checksum behind the tensors would make it invalid, one
        in a second file could be of another.

    Raises:
        TypeError: There is something in it that is no part of a :data:`State`.
    """
    tensors: dict[str, Tensor] = {}
    text = json.dumps(_pack(state, tensors))
    metadata = {"format": _FORMAT, "state": text, "sha256": _UNKNOWN.decode()}
    content = bytearray(safetensors.torch.save(tensors, metadata))
    begin = _checksum_at(content)
    content[begin : begin + len(_UNKNOWN)] = hashlib.sha256(content).hexdigest().encode()
    return bytes(content)


def from_bytes(content: bytes) -> dict[str, Any]:
    """What :func:`to_bytes` was given, with the tensors on the CPU; tuples are lists.

    Raises:
        DamagedStateError: It is not what was written.
    """
    _check(content)
    try:
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
        kept, text = header["format"], header["state"]
        state = _unpack(json.loads(text), safetensors.torch.load(content)) if kept == _FORMAT else None
    except (safetensors.SafetensorError, LookupError, ValueError, TypeError, RecursionError) as error:
        raise DamagedStateError(f"it holds no state: {error}") from error
    if not isinstance(state, dict):
        raise DamagedStateError(f"it is of format {kept}, and this version of qnas reads {_FORMAT}")
    return state


def _check(content: bytes) -> None:
    whole = bytearray(content)
    begin = _checksum_at(whole)
    end = begin + len(_UNKNOWN)
    claimed, whole[begin:end] = bytes(whole[begin:end]), _UNKNOWN
    if claimed != hashlib.sha256(whole).hexdigest().encode():
        raise DamagedStateError("its checksum is wrong")


def _checksum_at(content: bytearray) -> int:
    """Where the checksum begins."""
    at = content.find(_FIELD, 8, 8 + int.from_bytes(content[:8], "little"))
    if at < 0:
        raise DamagedStateError("it has no checksum")
    return at + len(_FIELD)


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
