"""Opening the convolutions of a network that nobody wrote for us: each becomes a slot whose native operation it is."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from qnas.core.components import Operation, Pair, path_matches, same_padding
from qnas.core.network.slot import Slot

_NEVER_NEGATIVE = ("ReluBackward", "SigmoidBackward", "HardsigmoidBackward", "SoftmaxBackward", "AbsBackward")


@dataclass(frozen=True)
class Survey:
    """What one run of a network, without values, tells of its convolutions.

    Attributes:
        signed: Path of each that can be opened, and whether its input can be negative.
        left: Path of each that is left alone, and why.
        output: Shape of the network's output.
    """

    signed: Mapping[str, bool]
    left: Mapping[str, str]
    output: tuple[int, ...]


def survey(network: nn.Module, patterns: Collection[str], size: tuple[int, int] = (32, 32)) -> Survey:
    """Run ``network``, which must be on the meta device, and look at its convolutions that match a pattern.

    Raises:
        Exception: Whatever the network raises on an image of (1, 3, *size).
    """
    matching = {
        path: module
        for path, module in network.named_modules()
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and any(path_matches(path, p) for p in patterns)
    }
    # The image needs a gradient, so that what was computed from it alone has a history too.
    image = torch.empty(1, 3, *size, device="meta", requires_grad=True)
    inputs: dict[nn.Module, list[bool]] = {module: [] for module in matching.values()}

    def note(module: nn.Module, given: tuple[Any, ...]) -> None:
        inputs[module].append(given[0] is not image and _can_be_negative(given[0]))

    handles = [module.register_forward_pre_hook(note) for module in inputs]
    try:
        with torch.enable_grad():
            output = network.eval()(image)
    finally:
        for handle in handles:
            handle.remove()
    left = {path: _why_left(module, bool(inputs[module])) for path, module in matching.items()}
    return Survey(
        signed={path: any(inputs[module]) for path, module in matching.items() if not left[path]},
        left={path: why for path, why in left.items() if why},
        output=tuple(output.shape),
    )


def open_slots(network: nn.Module, signed: Mapping[str, bool], role: str, *, keep_weights: bool) -> nn.Module:
    """Put a slot in place of each convolution in ``signed`` (see :class:`Survey`); returns ``network``.

    With ``keep_weights`` the slot's native operation starts from the weights of the convolution.
    """
    opened: dict[nn.Module, Slot] = {}
    for path, module in list(network.named_modules(remove_duplicate=False)):
        if isinstance(module, nn.Conv2d) and (path in signed or module in opened):
            if module not in opened:
                opened[module] = _slot(module, role, signed[path], keep_weights)
            network.set_submodule(path, opened[module])
    return network


def _can_be_negative(tensor: Tensor) -> bool:
    """Whether it may have negative values, so far as the function that it comes from tells."""
    return tensor.grad_fn is None or not tensor.grad_fn.name().startswith(_NEVER_NEGATIVE)


def _why_left(module: nn.Conv2d | nn.ConvTranspose2d, runs: bool) -> str:
    """Why a convolution can't be opened, or ``""``."""
    if isinstance(module, nn.ConvTranspose2d):
        return "it is a transposed convolution"
    own_kind = type(module).forward is not nn.Conv2d.forward or parametrize.is_parametrized(module)
    reasons = {
        "the network does not run it as a module": not runs,
        f"it is a {type(module).__name__} of its own kind": own_kind,
        "it has hooks": bool(module._forward_pre_hooks or module._forward_hooks),
        f"its stride is {module.stride}": module.stride[0] != module.stride[1],
        "its 'same' padding is not the same on both sides": _padding(module) is None,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def _padding(module: nn.Conv2d) -> Pair | None:
    """Its padding in numbers, None if it is not the same on both sides."""
    if not isinstance(module.padding, str):
        return (module.padding[0], module.padding[1])
    if module.padding == "valid":
        return (0, 0)
    around = [d * (k - 1) for d, k in zip(module.dilation, module.kernel_size, strict=True)]
    return None if any(total % 2 for total in around) else (around[0] // 2, around[1] // 2)


def _slot(module: nn.Conv2d, role: str, signed: bool, keep_weights: bool) -> Slot:
    padding = _padding(module)
    native = Operation.of(
        {
            "name": "conv2d",
            "kernel_size": module.kernel_size,
            "padding": padding,
            "dilation": module.dilation,
            "groups": module.groups,
            "bias": module.bias is not None,
        }
    )
    weights = {name: parameter.detach() for name, parameter in module.named_parameters(recurse=False)}
    return Slot(
        role,
        module.in_channels,
        module.out_channels,
        module.stride[0],
        activation="none",
        signed=signed,
        native=native,
        keeps_size=_keeps_size(module, padding),
        padding_mode=module.padding_mode,
        weights=weights if keep_weights else None,
    )


def _keeps_size(module: nn.Conv2d, padding: Pair | None) -> bool:
    size = (module.kernel_size[0], module.kernel_size[1])
    is_odd = size[0] % 2 == size[1] % 2 == 1
    return is_odd and padding == same_padding(size, (module.dilation[0], module.dilation[1]))
