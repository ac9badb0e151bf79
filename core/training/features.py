"""The features of a network: what its slots put out while it runs."""

import contextlib
import functools
from collections.abc import Iterator, Mapping

from torch import Tensor, nn

from qnas.core.network import FilledSlot, MixedSlot


def slots_in(network: nn.Module) -> dict[str, nn.Module]:
    """The filled slots of a found network, or of the network in a supernet, by path."""
    return {path: module for path, module in network.named_modules() if isinstance(module, FilledSlot | MixedSlot)}


@contextlib.contextmanager
def features_of(slots: Mapping[str, nn.Module]) -> Iterator[Mapping[str, Tensor]]:
    """A context in which what these slots put out is collected by path; of one that runs again, the last."""
    features: dict[str, Tensor] = {}
    hooks = [slot.register_forward_hook(functools.partial(_keep, features, path)) for path, slot in slots.items()]
    try:
        yield features
    finally:
        for hook in hooks:
            hook.remove()


def _keep(features: dict[str, Tensor], path: str, _: nn.Module, __: object, output: Tensor) -> None:
    features[path] = output
