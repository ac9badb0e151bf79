"""Filling joints: quantizers for what stands between slots, trained like any other."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from qnas.core.components import FakeQuantizer, Quantizer
from qnas.core.network.convolution import QuantizedActivation, QuantizedConv2d
from qnas.core.network.image_levels import ImageLevels
from qnas.core.network.joint import Joint
from qnas.core.network.slot import FilledSlot
from qnas.core.network.statistics import modes_kept

_SIDE = 32
_RECTIFIERS = {F.relu, torch.relu, Tensor.relu, Tensor.relu_}
"""What every runtime fuses with the convolution before it."""
_SHUFFLES = {F.pixel_shuffle, torch.pixel_shuffle}
"""What moves values and changes none."""


def fill_joints(network: nn.Module, quantizer: Quantizer, bits: int) -> list[QuantizedActivation]:
    """Quantize what stands between the slots of a found network, and let biases be integers.

    A joint stays open where nothing is gained: where the tensor has passed another, or leads straight into one slot,
    which quantizes it anyhow. An image that the network returns is rounded to its levels, which are known; it stays in
    float where all integers are to be signed. The bias of a convolution whose input comes from a quantizer is rounded
    to whole multiples of ``s_x s_w`` from then on, the product of the steps of input and weights, as integer kernels
    add it.

    Args:
        network: A found network.
        quantizer: Makes the quantizers.
        bits: Their width.

    Returns:
        What fills them, in the order of the network.
    """
    device = next(network.parameters()).device
    flow, filled = Flow(network), []
    for path, joint in flow.needed().items():
        filling = QuantizedActivation("none", quantizer, bits, joint.signed)
        if flow.gives_output(joint):
            if quantizer.signed:
                continue
            filling.quantizer = ImageLevels(bits)
        filled.append(filling.to(device))
        network.set_submodule(path, filling)
    for convolution, entrance in flow.entrances.items():
        convolution.round_bias_for(entrance)
    return filled


class Flow(TorchFunctionMode):
    """Where tensors went in one run of a network, by their identity.

    Attributes:
        entrances: Convolutions to the quantizers that their inputs come from.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.entrances: dict[QuantizedConv2d, FakeQuantizer] = {}
        self._joints = {path: module for path, module in network.named_modules() if isinstance(module, Joint)}
        self._passed: dict[int, Joint] = {}  # tensor to the first joint that it passed
        self._takers: dict[int, list[FilledSlot | None]] = {}  # tensor to the slots that took it, None for others
        self._rectified: dict[int, int] = {}  # tensor to what came of it
        self._shuffled: dict[int, int] = {}  # what came of it to the tensor
        self._quantized: dict[int, FakeQuantizer] = {}  # tensor to what gave it
        self._alive: list[object] = []  # while they live, no other has their identity
        self._is_inside = False
        self._output = self._run(network)

    def needed(self) -> dict[str, Joint]:
        """The joints to fill, by their paths."""
        chosen = {joint for tensor, joint in self._passed.items() if not self._leads_into_a_slot(tensor)}
        return {path: joint for path, joint in self._joints.items() if joint in chosen}

    def gives_output(self, joint: Joint) -> bool:
        """Whether what passes the joint is the network's output."""
        return self._passed.get(self._shuffled.get(self._output, self._output)) is joint

    def _leads_into_a_slot(self, tensor: int) -> bool:
        takers = self._takers.get(tensor, [])
        if takers == [None] and tensor in self._rectified:
            takers = self._takers.get(self._rectified[tensor], [])
        return len(takers) == 1 and takers[0] is not None and _rounds_at_once(takers[0])

    @torch.no_grad()
    def _run(self, network: nn.Module) -> int:
        device = next(network.parameters()).device
        image = torch.linspace(0, 1, 3 * _SIDE * _SIDE, device=device).view(1, 3, _SIDE, _SIDE)
        with modes_kept(network), self._watching(network):
            network.eval()
            with self:
                return id(self._kept(network(image)))

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
            for leaf in tree_leaves((args, kwargs)):
                if isinstance(leaf, Tensor):
                    self._takers.setdefault(id(leaf), []).append(None)
            if func in _RECTIFIERS:
                self._rectified[id(args[0])] = id(result)
            if func in _SHUFFLES:
                self._shuffled[id(result)] = id(args[0])
        return result

    def _kept(self, result: Any) -> Any:
        self._alive.append(result)
        return result

    def _enter(self, slot: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self._takers.setdefault(id(inputs[0]), []).append(cast("FilledSlot", slot))
        self._is_inside = True

    def _leave(self, *_: object) -> None:
        self._is_inside = False

    def _convolve(self, convolution: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        entrance = self._quantized.get(id(inputs[0]))
        if isinstance(convolution, QuantizedConv2d) and entrance is not None:
            self.entrances[convolution] = entrance

    def _pass(self, module: nn.Module, _: object, result: Tensor) -> None:
        if isinstance(module, Joint):
            self._passed.setdefault(id(self._kept(result)), module)
        elif isinstance(module, QuantizedActivation):
            self._quantized[id(self._kept(result))] = module.quantizer


def _rounds_at_once(slot: FilledSlot) -> bool:
    """Whether a slot quantizes its input with nothing before but what runtimes fuse with the convolution there."""
    entrance = slot.activation
    return isinstance(entrance, QuantizedActivation) and isinstance(entrance.activation, nn.Identity | nn.ReLU)
