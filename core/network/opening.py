"""Opening the convolutions of a network that nobody wrote for us: each becomes a slot whose native operation it is."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from qnas.core.components import Operation, Pair, keeps_size, path_matches
from qnas.core.network.slot import Slot

_NEVER_NEGATIVE = ("ReluBackward", "SigmoidBackward", "HardsigmoidBackward", "SoftmaxBackward", "AbsBackward")


@dataclass(frozen=True)
class Survey:
    """What one run of a network, without values, tells of its convolutions.

    Attributes:
        signed: Path of each that can be opened, and whether its input can be negative.
        left: Path of each that is left alone, and why.
        unmatched: The patterns that no convolution matches.
        output: What the network returned.
    """

    signed: Mapping[str, bool]
    left: Mapping[str, str]
    unmatched: Sequence[str]
    output: Any


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
    inputs, output = _run(network, list(matching.values()), size)
    uses = Counter(id(p) for module in network.modules() for p in module.parameters(recurse=False))
    left = {path: _why_left(module, bool(inputs[module]), uses) for path, module in matching.items()}
    return Survey(
        signed={path: any(inputs[module]) for path, module in matching.items() if not left[path]},
        left={path: why for path, why in left.items() if why},
        unmatched=[p for p in patterns if not any(path_matches(path, p) for path in matching)],
        output=output,
    )


def _run(
    network: nn.Module, convolutions: Collection[nn.Module], size: tuple[int, int]
) -> tuple[dict[nn.Module, list[bool]], Any]:
    """Whether what each convolution reads can be negative, for each time that it runs, and the network's output."""
    # The image needs a history, so that what was computed from it alone has one too.
    image = torch.empty(1, 3, *size, device="meta", requires_grad=True).clone()
    inputs: dict[nn.Module, list[bool]] = {module: [] for module in convolutions}

    def note(module: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        given = arguments[0] if arguments else named["input"]
        is_image = given is image and image._version == 0  # not changed in place
        inputs[module].append(not is_image and _can_be_negative(given))

    handles = [module.register_forward_pre_hook(note, with_kwargs=True) for module in inputs]
    try:
        with torch.enable_grad():
            return inputs, network.eval()(image)
    finally:
        for handle in handles:
            handle.remove()


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


def _why_left(module: nn.Conv2d | nn.ConvTranspose2d, runs: bool, uses: Mapping[int, int]) -> str:
    """Why a convolution can't be opened, or ``""``.

    Args:
        module: The convolution.
        runs: Whether the network ran it.
        uses: How many modules have the parameter of that ``id``.
    """
    if isinstance(module, nn.ConvTranspose2d):
        return "it is a transposed convolution"
    parameters = list(module.parameters(recurse=False))
    kind = type(module)
    own_kind = kind.forward is not nn.Conv2d.forward or kind._conv_forward is not nn.Conv2d._conv_forward
    reasons = {
        "the network does not run it as a module": not runs,
        f"it is a {kind.__name__} of its own kind": own_kind or parametrize.is_parametrized(module),
        "its weights are frozen": not all(parameter.requires_grad for parameter in parameters),
        "it shares its weights with another": any(uses[id(parameter)] > 1 for parameter in parameters),
        "it has hooks": bool(module._forward_pre_hooks or module._forward_hooks),
        f"its stride is {module.stride}": module.stride[0] != module.stride[1],
        "its 'same' padding is not the same on both sides": _padding(module) is None,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def _padding(module: nn.Conv2d) -> Pair | None:
    """Its padding in numbers, None if it is not the same on both sides."""
    if not isinstance(module.padding, str):
        return _two(module.padding)
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
        keeps_size=padding is not None and keeps_size(_two(module.kernel_size), padding, _two(module.dilation)),
        padding_mode=module.padding_mode,
        weights=weights if keep_weights else None,
    )


def _two(sizes: tuple[int, ...]) -> Pair:
    return sizes[0], sizes[1]
