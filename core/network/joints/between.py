"""Filling joints: quantizers for what stands between slots, trained like any other."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from qnas.core.components import FakeQuantizer, Quantizer
from qnas.core.network.convolution import QuantizedActivation, QuantizedConv2d
from qnas.core.network.joint import Joint
from qnas.core.network.joints.finding_meetings import find_meetings
from qnas.core.network.joints.image_levels import ImageLevels
from qnas.core.network.joints.meetings import MeetingJoints, is_map
from qnas.core.network.open_module import is_opened
from qnas.core.network.slot import FilledSlot
from qnas.core.network.statistics import modes_kept

HEADROOM = 1.5
"""How far joints reach beyond the values of calibration.

Without it a saturated red was clipped, which cost one image 10 dB; others lose 0.01 to 0.02 dB by the wider steps, in
x4-2g and x4-4g with 8 bits between that were not tuned.
"""
_SIDE = 32
_RECTIFIERS = {F.relu, torch.relu, Tensor.relu, Tensor.relu_}
"""What every runtime fuses with the convolution before it."""
_SHUFFLES = {F.pixel_shuffle, torch.pixel_shuffle}
"""What moves values and changes none."""
_FINISHES = {
    *_SHUFFLES,
    *(torch.clamp, Tensor.clamp, Tensor.clamp_, torch.clip, Tensor.clip, torch.add, Tensor.add, Tensor.add_),
    *(torch.sub, Tensor.sub, Tensor.sub_, torch.mul, Tensor.mul, Tensor.mul_, torch.div, Tensor.div, Tensor.div_),
    *(Tensor.__getitem__, Tensor.contiguous, Tensor.clone, Tensor.float, Tensor.to, Tensor.type_as),
}
"""What networks do to their image at last."""


def fill_joints(network: nn.Module, quantizer: Quantizer, bits: int) -> list[QuantizedActivation]:
    """Quantize what stands between the slots of a found network, and let biases be integers.

    A joint stays open where nothing is gained: where the tensor has passed another, or leads straight into one slot,
    which quantizes it anyhow. Code of others has no joints of its own: there they are found, behind sums, products and
    concatenations of feature maps, except for what makes the image. An image that a slot gives is rounded to its
    levels, which are known; it stays in float where all integers are to be signed. The bias of a convolution whose
    input comes from a quantizer is rounded to whole multiples of ``s_x s_w`` from then on, the product of the steps of
    input and weights, as integer kernels add it.

    Args:
        network: A found network.
        quantizer: Makes the quantizers.
        bits: Their width.

    Returns:
        What fills them, in the order of the network.

    Raises:
        InputError: Code of others can't have joints (see :func:`find_meetings`).
    """
    device = next(network.parameters()).device
    meetings = _joints_of_meetings(network)
    flow, filled = Flow(network, meetings or ()), []
    for path, joint in flow.needed().items():
        filling = QuantizedActivation("none", quantizer, bits, flow.is_signed(joint))
        filling.quantizer.headroom = HEADROOM
        if flow.gives_output(joint):
            if quantizer.signed:
                continue
            filling.quantizer = ImageLevels(bits)
        filled.append(filling.to(device))
        network.set_submodule(path, filling)
    if meetings is not None:
        meetings.keep_filled(network)
    for convolution, entrance in flow.entrances.items():
        convolution.round_bias_for(entrance)
    return filled


def _joints_of_meetings(network: nn.Module) -> MeetingJoints | None:
    """The joints in code of others, where the network has such code; it runs with them from now on."""
    places = find_meetings(network) if is_opened(network) else {}
    if not places:
        return None
    joints = MeetingJoints(network, places)
    joints.attach(network)
    return joints


class Flow(TorchFunctionMode):
    """Where tensors went in one run of a network, by their identity.

    Args:
        network: A found network.
        found: Those of its joints that stand in code of others.

    Attributes:
        entrances: Convolutions to the quantizers that their inputs come from.
    """

    def __init__(self, network: nn.Module, found: Iterable[nn.Module] = ()) -> None:
        super().__init__()
        self.entrances: dict[QuantizedConv2d, FakeQuantizer] = {}
        self._found = set(found)
        self._joints = {path: module for path, module in network.named_modules() if isinstance(module, Joint)}
        self._passed: dict[int, Joint] = {}  # tensor to the first joint that it passed
        self._takers: dict[int, list[FilledSlot | None]] = {}  # tensor to the slots that took it, None for others
        self._rectified: dict[int, int] = {}  # tensor to what came of it
        self._shuffled: dict[int, int] = {}  # what came of it to the tensor
        self._finished: dict[int, int] = {}  # the same, for all that may be done to an image at last
        self._quantized: dict[int, FakeQuantizer] = {}  # tensor to what gave it
        self._now: dict[int, int] = {}  # tensor that was changed to what it is now
        self._alive: list[object] = []  # while they live, no other has their identity
        self._is_inside = False
        self._output = self._run(network)

    def needed(self) -> dict[str, Joint]:
        """The joints to fill, by their paths."""
        chosen = {joint for tensor, joint in self._passed.items() if not self._leads_into_a_slot(tensor)}
        chosen -= {joint for joint in self._made_the_output() if joint in self._found}
        return {path: joint for path, joint in self._joints.items() if joint in chosen}

    def gives_output(self, joint: Joint) -> bool:
        """Whether what passes the joint is the network's output."""
        return self._passed.get(self._shuffled.get(self._output, self._output)) is joint

    def is_signed(self, joint: Joint) -> bool:
        """Whether what passes the joint can be negative, and is not cut off by a rectifier right behind it."""
        if joint in self._found and all(self._is_rectified(t) for t, passed in self._passed.items() if passed is joint):
            return False
        return joint.signed

    def _made_the_output(self) -> Iterator[Joint]:
        """The joints between which and the output values are only moved, limited and shifted or scaled by numbers."""
        before: dict[int, int] = dict(self._finished)
        tensor: int | None = self._output
        while tensor is not None:
            if tensor in self._passed:
                yield self._passed[tensor]
            tensor = before.pop(tensor, None)  # changed in place, it came of itself

    def _is_rectified(self, tensor: int) -> bool:
        """Whether only a rectifier takes it."""
        return self._takers.get(tensor) == [None] and tensor in self._rectified

    def _leads_into_a_slot(self, tensor: int) -> bool:
        takers = self._takers.get(tensor, [])
        if self._is_rectified(tensor):
            takers = self._takers.get(self._rectified[tensor], [])
        return len(takers) == 1 and takers[0] is not None and _rounds_at_once(takers[0])

    @torch.no_grad()
    def _run(self, network: nn.Module) -> int:
        device = next(network.parameters()).device
        image = torch.linspace(0, 1, 3 * _SIDE * _SIDE, device=device).view(1, 3, _SIDE, _SIDE)
        with modes_kept(network), self._watching(network):
            network.eval()
            with self:
                return self._key(self._kept(network(image)))

    @contextmanager
    def _watching(self, network: nn.Module) -> Iterator[None]:
        with ExitStack() as hooks:
            for module in network.modules():
                if isinstance(module, FilledSlot):
                    hooks.callback(module.register_forward_pre_hook(self._enter).remove)
                    hooks.callback(module.register_forward_hook(self._leave).remove)
                elif isinstance(module, QuantizedConv2d):
                    hooks.callback(module.register_forward_pre_hook(self._convolve).remove)
                elif isinstance(module, QuantizedActivation | Joint):
                    hooks.callback(module.register_forward_hook(self._pass).remove)
            yield

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        del types
        result = func(*args, **(kwargs or {}))
        made = [leaf for leaf in tree_leaves(self._kept(result)) if isinstance(leaf, Tensor)]
        if made and not self._is_inside:
            self._follow(func, [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)], made[0])
        return result

    def _follow(self, func: Callable[..., Any], given: Sequence[Tensor], result: Tensor) -> None:
        if func is Tensor.copy_:
            self._now[id(result)] = self._key(given[1])
            return
        for tensor in given:
            self._takers.setdefault(self._key(tensor), []).append(None)
        if func in _RECTIFIERS:
            before = self._key(given[0])
            if result is given[0] and self._passed.get(before) in self._found:
                self._now[id(result)] = id(self._kept(object()))
            self._rectified[before] = self._key(result)
        if func in _SHUFFLES:
            self._shuffled[self._key(result)] = self._key(given[0])
        maps = [self._key(tensor) for tensor in given if is_map(tensor)]
        if func in _FINISHES and len(maps) == 1:
            self._finished[self._key(result)] = maps[0]

    def _key(self, tensor: Tensor) -> int:
        """A number of a tensor that no other has, and that is another once code of others has changed it."""
        return self._now.get(id(tensor), id(tensor))

    def _kept(self, result: Any) -> Any:
        self._alive.append(result)
        return result

    def _enter(self, slot: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self._takers.setdefault(self._key(inputs[0]), []).append(cast("FilledSlot", slot))
        self._is_inside = True

    def _leave(self, *_: object) -> None:
        self._is_inside = False

    def _convolve(self, convolution: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        entrance = self._quantized.get(id(inputs[0]))
        if isinstance(convolution, QuantizedConv2d) and entrance is not None:
            self.entrances[convolution] = entrance

    def _pass(self, module: nn.Module, _: object, result: Tensor) -> None:
        if isinstance(module, Joint):
            self._passed.setdefault(self._key(self._kept(result)), module)
        elif isinstance(module, QuantizedActivation):
            self._quantized[id(self._kept(result))] = module.quantizer


def _rounds_at_once(slot: FilledSlot) -> bool:
    """Whether a slot quantizes its input with nothing before but what runtimes fuse with the convolution there."""
    entrance = slot.activation
    return isinstance(entrance, QuantizedActivation) and isinstance(entrance.activation, nn.Identity | nn.ReLU)
