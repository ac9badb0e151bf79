"""Joints in the code of others: behind sums, products and concatenations of feature maps.

That code can't be edited. So a mode recognises each place while the network runs: by the module that is called, and by
where in its code. What values choose, such as a branch or how often a loop runs, can't move a place.
"""

import os
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from qnas.core.network.joint import Joint
from qnas.core.network.slot import FilledSlot

_IN_PLACE: Mapping[Callable[..., Any], Callable[..., Any]] = {
    Tensor.add_: Tensor.add,
    Tensor.sub_: Tensor.sub,
    Tensor.subtract_: Tensor.subtract,
    Tensor.mul_: Tensor.mul,
    Tensor.multiply_: Tensor.multiply,
}
"""What changes its first operand, and what computes the same elsewhere."""
DIFFERENCES = frozenset(
    {torch.sub, torch.subtract, torch.rsub, Tensor.sub, Tensor.subtract, Tensor.__rsub__, Tensor.sub_, Tensor.subtract_}
)
MEETING = DIFFERENCES | {torch.add, torch.mul, torch.multiply, torch.cat, torch.concat, torch.concatenate}
MEETING |= {Tensor.add, Tensor.mul, Tensor.multiply, *_IN_PLACE}
"""The functions in which tensors meet."""
_CALL = nn.Module._call_impl.__code__.co_filename
_PYTORCH = f"{Path(torch.__file__).parent}{os.sep}"
_NAME = "beyond"


class Place(NamedTuple):
    """A place in the code of a network.

    Attributes:
        module: The path of the innermost module that is being called.
        code: The instructions that lead from its call to the place: file, first line of the function, and offset.
    """

    module: str
    code: tuple[tuple[str, int, int], ...]


Visits = Sequence[bool | None]
"""For each time that a run comes to a place, whether what meets there can be negative; None where nothing meets."""


def is_map(tensor: Tensor) -> bool:
    """Whether a tensor has the shape of feature maps: (N, C, H, W) of more than a pixel."""
    return tensor.dim() == 4 and tensor.shape[-2] * tensor.shape[-1] > 1


def modules_outside(network: nn.Module) -> dict[str, nn.Module]:
    """The modules of a network by path, but for slots and what is inside them."""
    inside = {part for slot in network.modules() if isinstance(slot, FilledSlot) for part in slot.modules()}
    return {path: module for path, module in network.named_modules() if module not in inside}


def keys_of(modules: Mapping[str, nn.Module]) -> dict[int, str]:
    """Paths of modules by a number that is also that of a module's stand-in, while PyTorch captures a network."""
    return {id(vars(module)): path for path, module in modules.items()}


def place_of(caller: FrameType, modules: Mapping[int, str]) -> Place | None:
    """Where a function was called, None outside ``modules`` (see :func:`keys_of`).

    Args:
        caller: What called it.
        modules: Those whose code is looked at.
    """
    code, frame = [], caller
    while frame.f_back is not None and frame.f_code.co_filename != _CALL:
        file = frame.f_code.co_filename
        if file != __file__ and not file.startswith(_PYTORCH):
            code.append((file, frame.f_code.co_firstlineno, frame.f_lasti))
        frame = frame.f_back
    module = frame.f_locals.get("self")
    path = modules.get(id(vars(module))) if isinstance(module, nn.Module) else None
    return None if path is None else Place(path, tuple(code))


class MeetingJoints(nn.ModuleList):
    """The joints of a network that others wrote, in the order of its code.

    They are a part of its first slot, as ``SLOT.beyond.0``, ``SLOT.beyond.1``, ...: its own modules may list what they
    contain, as ``nn.Sequential`` does. In the mode they are applied to what meets at their places.

    Args:
        network: A found network; :meth:`attach` lets it run with them.
        places: Where they are.
    """

    def __init__(self, network: nn.Module, places: Mapping[Place, Visits]) -> None:
        super().__init__()
        modules = modules_outside(network)
        self._homes = [(path, modules[path]) for path in dict.fromkeys(place.module for place in places)]
        self._numbers = {place: [self._added(signed) for signed in visits] for place, visits in places.items()}
        self._forward: Callable[..., Any] = network.forward

    def _added(self, signed: bool | None) -> int | None:
        if signed is None:
            return None
        self.append(Joint(signed))
        return len(self) - 1

    def attach(self, network: nn.Module) -> None:
        """Make them a part of ``network``."""
        _first_slot(network).add_module(_NAME, self)
        network.forward = self.run

    def keep_filled(self, network: nn.Module) -> None:
        """Remove those that are open, and all trace of them from ``network`` if no other is left."""
        modules = list(self)
        filled = [number for number, module in enumerate(modules) if not isinstance(module, Joint)]
        renumbered: dict[int | None, int] = {number: new for new, number in enumerate(filled)}
        self._numbers = {place: [renumbered.get(n) for n in numbers] for place, numbers in self._numbers.items()}
        del self[:]
        self.extend(modules[number] for number in filled)
        if not filled:
            delattr(_first_slot(network), _NAME)
            network.forward = self._forward

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """What the network's own ``forward`` returns, with the joints in it."""
        with _AtMeetings(self, keys_of(dict(self._homes))):
            return self._forward(*args, **kwargs)

    def at(self, place: Place, visit: int) -> nn.Module | None:
        """The joint at a place, if there is one; where a loop runs for longer than was known, its last one."""
        numbers = self._numbers.get(place)
        number = numbers[min(visit, len(numbers) - 1)] if numbers else None
        return None if number is None else self[number]


def _first_slot(network: nn.Module) -> FilledSlot:
    return next(module for module in network.modules() if isinstance(module, FilledSlot))


class _AtMeetings(TorchFunctionMode):
    """Applies joints to what meets at their places, in one run of a network."""

    def __init__(self, joints: MeetingJoints, modules: Mapping[int, str]) -> None:
        super().__init__()
        self._joints = joints
        self._modules = modules
        self._visits: Counter[Place] = Counter()

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        del types
        joint = self._joint(sys._getframe(1)) if func in MEETING else None
        if joint is None:
            return func(*args, **(kwargs or {}))
        if func not in _IN_PLACE:
            return joint(func(*args, **(kwargs or {})))
        changed: Tensor = args[0]  # under each of its names; the joint may need what it was given for its gradient
        return changed.copy_(joint(_IN_PLACE[func](*args, **(kwargs or {}))))

    def _joint(self, caller: FrameType) -> nn.Module | None:
        place = place_of(caller, self._modules)
        if place is None:
            return None
        self._visits[place] += 1
        return self._joints.at(place, self._visits[place] - 1)
