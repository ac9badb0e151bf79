"""Finding where tensors meet in the code of others: the network is run and looked at."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from qnas.core.errors import InputError
from qnas.core.network.joints.meetings import (
    DIFFERENCES,
    MEETING,
    Place,
    Visits,
    is_map,
    keys_of,
    modules_outside,
    place_of,
)
from qnas.core.network.open_module import stir
from qnas.core.network.probing.seeds import generators_kept, seed_everything
from qnas.core.network.slot import FilledSlot
from qnas.core.network.statistics import modes_kept

SIDE = 32
_REFUSED = (
    "the network can't have integers between its slots (leave out quantizer.between, and a target that needs it):"
)
_NEVER_NEGATIVE = {
    *(F.relu, torch.relu, Tensor.relu, Tensor.relu_, F.relu6, F.softmax, torch.softmax, Tensor.softmax),
    *(F.sigmoid, torch.sigmoid, Tensor.sigmoid, Tensor.sigmoid_, F.hardsigmoid, torch.abs, Tensor.abs, Tensor.abs_),
}
_SIGN_KEPT = {Tensor.clone, Tensor.__getitem__, torch.chunk, Tensor.chunk, torch.split, Tensor.split, F.pixel_shuffle}
"""What gives nothing that is negative of what has nothing that is."""


def find_meetings(network: nn.Module) -> dict[Place, Visits]:
    """Where feature maps meet outside the slots of a found network, in the order of its code.

    Feature maps are (N, C, H, W) of more than a pixel, and come from the image: a constant, a weight or a statistic of
    the whole image is none.

    Args:
        network: It is left as it is.

    Returns:
        Places, and for each time that a run comes to one whether what meets there can be negative, None where no two
        feature maps do.

    Raises:
        InputError: Feature maps meet elsewhere for other images or weights, or parts of the network are computed again
            for their gradient.
    """
    with generators_kept(), _left_as_it_is(network):
        seed_everything(0)
        device = next(network.parameters()).device
        ramp = torch.linspace(0, 1, 3 * SIDE * SIDE, device=device).view(1, 3, SIDE, SIDE)
        runs = [_found(network, image) for image in (ramp, torch.zeros_like(ramp))]
        stir(network)
        runs += [_found(network, image) for image in (ramp, torch.rand_like(ramp))]
        if any(_met(run) != _met(runs[0]) for run in runs):
            raise InputError(f"{_REFUSED} other images or weights change where it adds, multiplies or concatenates")
        found = {place: _ever_negative([run[place] for run in runs]) for place in _met(runs[0])}
        if found:
            _refuse_computed_twice(network, torch.rand(2, 3, SIDE, SIDE, device=device))
    return found


@contextmanager
def _left_as_it_is(network: nn.Module) -> Iterator[None]:
    """A context that restores the network's state afterwards; not every network can be copied."""
    state = {name: value.detach().clone() for name, value in network.state_dict().items()}
    with modes_kept(network):
        try:
            yield
        finally:
            network.load_state_dict(state)
            network.zero_grad()


def _met(found: Mapping[Place, Visits]) -> dict[Place, list[bool]]:
    """Whether feature maps meet, at places where they ever do."""
    met = {place: [signed is not None for signed in visits] for place, visits in found.items()}
    return {place: visits for place, visits in met.items() if any(visits)}


def _ever_negative(runs: Sequence[Visits]) -> Visits:
    """Of each visit of a place, by what several runs say."""
    return [None if None in signed else any(signed) for signed in zip(*runs, strict=True)]


@torch.no_grad()
def _found(network: nn.Module, image: Tensor) -> dict[Place, Visits]:
    return _Finder(network.eval()).run(image)


@torch.enable_grad()
def _refuse_computed_twice(network: nn.Module, images: Tensor) -> None:
    """Refuse a network that runs slots in the backward pass, outside its call, where no joint is applied."""
    output = network.train()(images)
    ran: list[nn.Module] = []
    with ExitStack() as hooks:
        for module in network.modules():
            if isinstance(module, FilledSlot):
                hooks.callback(module.register_forward_pre_hook(lambda module, _: ran.append(module)).remove)
        output.float().mean().backward()
    if ran:
        raise InputError(f"{_REFUSED} it computes parts again for their gradient: turn checkpointing off")


class _Finder(TorchFunctionMode):
    """Follows feature maps from the image through one run of a network."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self._network = network
        self._modules = keys_of(modules_outside(network))
        self._found: dict[Place, list[bool | None]] = {}
        self._of_image: dict[int, Tensor] = {}  # alive, so that no other tensor has their identity
        self._never_negative: dict[int, int] = {}  # tensor to its version

    def run(self, image: Tensor) -> dict[Place, Visits]:
        """See :func:`find_meetings`."""
        self._note(image, is_never_negative=True)
        with self._watching():
            self._network(image)
        return dict(self._found)

    @contextmanager
    def _watching(self) -> Iterator[None]:
        with ExitStack() as hooks, self:
            for module in self._network.modules():
                hooks.callback(module.register_forward_hook(self._leave, with_kwargs=True).remove)
            yield

    def _leave(self, _: nn.Module, args: Any, kwargs: Any, result: Any) -> None:
        """What a module makes of the image comes from the image, by whatever functions."""
        if any(id(tensor) in self._of_image for tensor in _tensors((args, kwargs))):
            for tensor in _tensors(result):
                self._of_image[id(tensor)] = tensor

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        del types
        named = kwargs or {}
        given = _tensors((args, named))
        of_image, maps = any(id(tensor) in self._of_image for tensor in given), [self._is_feature_map(t) for t in given]
        is_never_negative = self._gives_nothing_negative(func, given, named)
        result = func(*args, **named)
        if of_image:
            for tensor in _tensors(result):
                self._note(tensor, is_never_negative=is_never_negative)
        place = place_of(sys._getframe(1), self._modules) if func in MEETING else None
        if place is not None:
            meets = len(maps) > 1 and all(maps) and "out" not in named
            signed = not is_never_negative or bool(meets and (result < 0).any())
            self._found.setdefault(place, []).append(signed if meets else None)
        return result

    def _gives_nothing_negative(self, func: Callable[..., Any], given: list[Tensor], named: Mapping[str, Any]) -> bool:
        if func in _NEVER_NEGATIVE:
            return True
        keeps = func in _SIGN_KEPT or (func in MEETING - DIFFERENCES and len(given) > 1 and named.get("alpha", 1) >= 0)
        return keeps and all(self._never_negative.get(id(tensor)) == tensor._version for tensor in given)

    def _is_feature_map(self, tensor: Tensor) -> bool:
        return is_map(tensor) and tensor.is_floating_point() and id(tensor) in self._of_image

    def _note(self, tensor: Tensor, *, is_never_negative: bool) -> None:
        self._of_image[id(tensor)] = tensor
        self._never_negative.pop(id(tensor), None)
        if is_never_negative:
            self._never_negative[id(tensor)] = tensor._version


def _tensors(value: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor)]
