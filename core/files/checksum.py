"""Tensors with a checksum: a safetensors file with a checksum of the whole file in its header.

The checksum is computed with zeros in its own place. This keeps a single file, which is renamed into place as a whole
and which every reader of safetensors can open. A checksum after the tensors would make the file invalid; one in a
second file might belong to another version.
"""

import hashlib
import json
from collections.abc import Mapping

import safetensors.torch
from torch import Tensor

_FIELD = b'"sha256":"'  # in JSON inside a JSON string, the quotes would be escaped
_UNKNOWN = b"0" * 64


class ChecksumError(ValueError):
    """The bytes are not those that :func:`with_checksum` made; the message says why."""


def with_checksum(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """The tensors as a safetensors file with a checksum beside the other metadata; equal tensors give equal bytes."""
    unsealed = {**metadata, "sha256": _UNKNOWN.decode()}
    content = bytearray(_with_metadata(safetensors.torch.save(dict(tensors)), unsealed))
    begin = _place(content)
    content[begin : begin + len(_UNKNOWN)] = hashlib.sha256(content).hexdigest().encode()
    return bytes(content)


def has_checksum(content: bytes) -> bool:
    """Whether a safetensors file has a checksum."""
    return _find(content) >= 0


def refuse_broken(content: bytes) -> None:
    """Refuse a file that has changed since it was written.

    Raises:
        ChecksumError: The checksum is wrong or missing.
    """
    whole = bytearray(content)
    begin = _place(whole)
    end = begin + len(_UNKNOWN)
    claimed, whole[begin:end] = bytes(whole[begin:end]), _UNKNOWN
    if claimed != hashlib.sha256(whole).hexdigest().encode():
        raise ChecksumError("its checksum is wrong")


def metadata_of(content: bytes) -> dict[str, str]:
    """The metadata of a safetensors file.

    Raises:
        ValueError: The header is broken.
    """
    try:
        found = json.loads(_header(content)).get("__metadata__", {})
    except (RecursionError, AttributeError) as error:
        raise ValueError("its header is broken") from error
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise ValueError("its header is broken")
    return found


def _with_metadata(content: bytes, metadata: Mapping[str, str]) -> bytes:
    """A safetensors file with metadata in the given order; safetensors itself shuffles them."""
    header = {"__metadata__": metadata, **json.loads(_header(content))}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # safetensors aligns the tensors after it
    return len(text).to_bytes(8, "little") + text + content[8 + len(_header(content)) :]


def _header(content: bytes) -> bytes:
    return content[8 : 8 + int.from_bytes(content[:8], "little")]


def _find(content: bytes | bytearray) -> int:
    return content.find(_FIELD, 8, 8 + int.from_bytes(content[:8], "little"))


def _place(content: bytearray) -> int:
    """Where the checksum begins."""
    at = _find(content)
    if at < 0:
        raise ChecksumError("it has no checksum")
    return at + len(_FIELD)
