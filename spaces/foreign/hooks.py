"""Hooks that let a third-party network take any image and return one."""

from collections.abc import Mapping
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from qnas.core.errors import InputError


def take(name: str, _: nn.Module, __: Any, result: Any) -> Tensor:
    """The image in a network's result: an attribute, a key, or an index into a list.

    Raises:
        InputError: The result has no such image.
    """
    taken = _part(result, name)
    if not isinstance(taken, Tensor):
        raise InputError(f"the network's result, a {type(result).__name__}, has no image '{name}'")
    return taken


def _part(result: Any, name: str) -> Any:
    if isinstance(result, Mapping):
        return result.get(name)
    if isinstance(result, list | tuple) and name.isdecimal():
        return result[int(name)] if int(name) < len(result) else None
    return getattr(result, name, None)


class Padding:
    """Pads a network's input to a multiple, and crops its output accordingly."""

    def __init__(self, multiple: int, scale: int) -> None:
        self.multiple = multiple
        self.scale = scale
        self.size = (0, 0)

    def pad(self, _: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The hook that runs before the network."""
        image, *others = given
        self.size = (image.shape[-2], image.shape[-1])
        below, right = (-extent % self.multiple for extent in self.size)
        if not (below or right):
            return given
        return (F.pad(image, (0, right, 0, below), mode="replicate"), *others)

    def crop(self, _: nn.Module, __: Any, result: Tensor) -> Tensor:
        """The hook that runs after the network."""
        return result[..., : self.size[0] * self.scale, : self.size[1] * self.scale]
