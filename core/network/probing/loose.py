"""Values that a network holds outside its state dict: they are not saved, so no other build of it gets them."""

import functools
import itertools
import random
import types
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

_OWN = frozenset(vars(nn.Module()))
_DEPTH = 6
_MOST = 10_000


class Loose(NamedTuple):
    """A value that is in no state dict.

    Attributes:
        value: A copy of the value.
        remedy: What to do about it, with ``{}`` for its name.
    """

    value: Any
    remedy: str


_BUFFER = "the buffer '{}' is not persistent: register it with persistent=True"
_MODULE = "the weights '{}' are of a module in a plain list or attribute: use nn.ModuleList or nn.ModuleDict"
_TENSOR = "the tensor '{}' is in no state dict: make it a buffer, by register_buffer"
_VALUE = "'{}' is in no state dict: make it a buffer, or remove it"


def loose(network: nn.Module) -> dict[str, Loose]:
    """Values that ``network`` holds outside its state dict, by path: in attributes, lists and closures."""
    return dict(itertools.islice(_Walk(network).all(), _MOST))


def first_difference(one: Mapping[str, Loose], other: Mapping[str, Loose]) -> str:
    """What to do about the first value that differs, or ``""``."""
    for path, held in one.items():
        if path in other and not _are_same(held.value, other[path].value):
            return held.remedy.format(path)
    return ""


def _are_same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        are_alike = one.shape == other.shape and one.dtype == other.dtype
        return are_alike and torch.allclose(one, other, rtol=0, atol=0, equal_nan=True)
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.shape == other.shape and one.tobytes() == other.tobytes()
    return type(one) is type(other) and repr(one) == repr(other)


class _Walk:
    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.seen = {id(module) for module in network.modules()}
        self.seen |= {id(value) for value in network.state_dict(keep_vars=True).values()}

    def all(self) -> Iterator[tuple[str, Loose]]:
        """Each path and its value."""
        for path, module in self.network.named_modules():
            for name, value in self._held_by(module):
                remedy = _BUFFER if name in module._buffers else _VALUE
                yield from self._inside(f"{path}.{name}".lstrip("."), value, remedy, _DEPTH)

    @staticmethod
    def _held_by(module: nn.Module) -> Iterator[tuple[str, Any]]:
        yield from ((name, module._buffers[name]) for name in sorted(module._non_persistent_buffers_set))
        yield from ((name, value) for name, value in vars(module).items() if name not in _OWN)

    def _inside(self, path: str, value: Any, remedy: str, depth: int) -> Iterator[tuple[str, Loose]]:
        if id(value) in self.seen or depth == 0:
            return
        if isinstance(value, Tensor):
            if not value.is_meta:
                yield path, Loose(value.detach().clone(), _TENSOR if remedy == _VALUE else remedy)
        elif isinstance(value, np.ndarray):
            yield path, Loose(value.copy(), _TENSOR)
        elif isinstance(value, bool | int | float | complex | str):
            yield path, Loose(value, remedy)
        else:
            self.seen.add(id(value))
            for name, inner in _parts(value):
                yield from self._inside(f"{path}.{name}", inner, _MODULE if _is_module(value) else remedy, depth - 1)


def _is_module(value: Any) -> bool:
    return isinstance(value, nn.Module)


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """The parts of a value, by name."""
    if isinstance(value, Mapping):
        yield from ((str(key), inner) for key, inner in value.items())
    elif isinstance(value, list | tuple | set | frozenset):
        yield from ((str(index), inner) for index, inner in enumerate(value))
    elif isinstance(value, nn.Module):
        yield from value.state_dict(keep_vars=True).items()
    elif isinstance(value, torch.Generator):
        yield "state", value.get_state()
    elif isinstance(value, np.random.Generator):
        yield "state", repr(value.bit_generator.state)
    elif isinstance(value, random.Random):
        yield "state", repr(value.getstate())
    elif isinstance(value, functools.partial):
        yield from (("function", value.func), ("arguments", value.args), ("keywords", value.keywords))
    elif isinstance(value, types.FunctionType):
        yield from zip(value.__code__.co_freevars, _cells(value), strict=True)
    elif isinstance(value, types.MethodType):
        yield from ((value.__func__.__name__, value.__func__), ("self", value.__self__))
    elif not isinstance(value, type | types.ModuleType):
        yield from getattr(value, "__dict__", {}).items()


def _cells(function: types.FunctionType) -> Iterator[Any]:
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not filled yet
            yield None
