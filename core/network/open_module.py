"""Opening the convolutions of a third-party network: each becomes the native operation of a slot."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from qnas.core.components import Operation, Pair, keeps_size, path_matches
from qnas.core.network.probing.devices import blank_image
from qnas.core.network.probing.self_comparison import MODES
from qnas.core.network.slot import Slot

_NEVER_NEGATIVE = ("ReluBackward", "SigmoidBackward", "HardsigmoidBackward", "SoftmaxBackward", "AbsBackward")
_TRIES = 8
_MARK = "_is_opened"
_FLOAT: Mapping[type[nn.Module], str] = {
    nn.MultiheadAttention: "an attention",
    nn.Linear: "a linear layer",
    nn.Bilinear: "a bilinear layer",
    nn.Conv1d: "a 1-D convolution",
    nn.Conv3d: "a 3-D convolution",
    nn.ConvTranspose1d: "a transposed 1-D convolution",
    nn.ConvTranspose3d: "a transposed 3-D convolution",
    nn.RNNBase: "a recurrent layer",
    nn.RNNCellBase: "a recurrent layer",
}
"""Layers that multiply but are not slots."""
_LAYERS: tuple[type[nn.Module], ...] = (nn.Conv2d, nn.ConvTranspose2d, *_FLOAT)


@dataclass(frozen=True)
class Survey:
    """What a network's runs show about its convolutions and other layers that multiply.

    Attributes:
        signed: Path of each convolution that can be opened, and whether its input can be negative.
        left: Path of each layer that is left alone, and why.
        unmatched: The patterns that no convolution matches.
        outputs: The network's result by mode: for one image in evaluation, for two in training.
    """

    signed: Mapping[str, bool]
    left: Mapping[str, str]
    unmatched: Sequence[str]
    outputs: Mapping[str, Any]


def survey(network: nn.Module, patterns: Collection[str], size: tuple[int, int] = (32, 32)) -> Survey:
    """Run ``network`` in both modes, and look at its convolutions that match a pattern; its weights may be changed.

    With values, on the CPU, an input that is ever negative counts as one that can be, whatever computed it.

    Raises:
        Exception: Whatever the network raises on images of (N, 3, *size).
    """
    layers = {
        path: module
        for path, module in network.named_modules()
        if isinstance(module, _LAYERS) and any(path_matches(path, p) for p in patterns)
    }
    matching = {p: module for p, module in layers.items() if isinstance(module, nn.Conv2d | nn.ConvTranspose2d)}
    runs = _Runs(network, list(layers.values()), size)
    uses = Counter(id(p) for module in network.modules() for p in module.parameters(recurse=False))
    left = {path: runs.why_left(module) or _why_left(module, uses) for path, module in matching.items()}
    return Survey(
        signed={path: runs.is_signed(module) for path, module in matching.items() if not left[path]},
        left={path: why for path, why in left.items() if why}
        | {path: f"it is {_FLOAT[kind]}" for path, kind in _float_layers(layers, runs)},
        unmatched=[p for p in patterns if not any(path_matches(path, p) for path in matching)],
        outputs=runs.outputs,
    )


def _float_layers(layers: Mapping[str, nn.Module], runs: "_Runs") -> Iterator[tuple[str, type[nn.Module]]]:
    """The other layers that run, each with its kind; of nested ones, as in an attention, only the outer."""
    found: list[str] = []
    for path, module in layers.items():
        kind = next((kind for kind in _FLOAT if isinstance(module, kind)), None)
        if kind and runs.modes_of(module) and not any(path.startswith(f"{outer}.") for outer in found):
            found.append(path)
            yield path, kind


class _Runs:
    """A network's runs in both modes.

    Attributes:
        outputs: The network's result by mode.
    """

    def __init__(self, network: nn.Module, layers: Collection[nn.Module], size: tuple[int, int]) -> None:
        self.outputs: dict[str, Any] = {}
        self._inputs: dict[tuple[nn.Module, str], list[bool]] = {}  # whether each can be negative
        self._ran: list[set[nn.Module]] = []  # in each run in evaluation mode
        self._mode = ""
        self._image = torch.empty(0)
        handles = [module.register_forward_pre_hook(self._note, with_kwargs=True) for module in layers]
        try:
            with torch.enable_grad():
                self._run(network, layers, size)
        finally:
            for handle in handles:
                handle.remove()

    def modes_of(self, module: nn.Module) -> list[str]:
        """The modes in which the network runs a layer."""
        return [mode for mode in MODES if self._inputs.get((module, mode))]

    def why_left(self, module: nn.Module) -> str:
        """Why a convolution can't be opened, or ``""``: it must run whenever the network does."""
        modes = self.modes_of(module)
        if not modes:
            return "the network does not run it as a module"
        if len({module in ran for ran in self._ran}) > 1:
            return "the network runs it for some images only"
        return f"the network runs it in {modes[0]} mode only" if len(modes) == 1 else ""

    def is_signed(self, module: nn.Module) -> bool:
        """Whether a layer's input can be negative."""
        return any(any(self._inputs.get((module, mode), ())) for mode in MODES)

    def _run(self, network: nn.Module, layers: Collection[nn.Module], size: tuple[int, int]) -> None:
        # Random images, and black ones, for which any subtraction gives negative values.
        for mode, images in (("evaluation", 1), ("training", 2)):
            for brightness in (0, 1):
                self.outputs[mode] = self._look(network, mode, images, brightness, size)
        for _ in range(_TRIES):  # where training leaves out layers at random
            if any(self.modes_of(module) == ["evaluation"] for module in layers):
                self._look(network, "training", 2, 1, size)
        for _ in range(_TRIES):  # where values choose between layers, as a router of experts does
            if any(self.modes_of(module) == ["training"] for module in layers):
                stir(network)
                self._look(network, "evaluation", 1, 1, size)

    def _look(self, network: nn.Module, mode: str, images: int, brightness: int, size: tuple[int, int]) -> Any:
        network.train(mode == "training")
        with blank_image(network, 3, size) as blank:
            # The image needs a history, so that what was computed from it alone has one too.
            image = (torch.rand_like(blank.expand(images, -1, -1, -1)) * brightness).requires_grad_()
            self._mode, self._image = mode, image.clone()
            self._ran += [set()] if mode == "evaluation" else []
            return network(self._image)

    def _note(self, module: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        given = next((value for value in (*arguments, *named.values()) if isinstance(value, Tensor)), None)
        if given is not None:
            is_image = given is self._image and given._version == 0  # not changed in place
            is_signed = not is_image and _can_be_negative(given)
            self._inputs.setdefault((module, self._mode), []).append(is_signed or _has_negative(given))
            if self._mode == "evaluation":
                self._ran[-1].add(module)


def open_slots(
    network: nn.Module, signed: Mapping[str, bool], role: str, *, keep_weights: bool, fits_others: bool = False
) -> nn.Module:
    """Put a slot in place of each convolution in ``signed`` (see :class:`Survey`); returns ``network``.

    With ``keep_weights`` the slot's native operation starts from the weights of the convolution, and with
    ``fits_others`` the other operations do too (see :func:`warm_start`).
    """
    opened: dict[nn.Module, Slot] = {}
    for path, module in list(network.named_modules(remove_duplicate=False)):
        if isinstance(module, nn.Conv2d) and (path in signed or module in opened):
            if module not in opened:
                opened[module] = _slot(module, role, signed[path], keep_weights, fits_others)
            network.set_submodule(path, opened[module])
    vars(network)[_MARK] = True
    return network


def is_opened(network: nn.Module) -> bool:
    """Whether :func:`open_slots` made the slots of ``network``, so that its code knows nothing of slots and joints."""
    return _MARK in vars(network)


@torch.no_grad()
def stir(network: nn.Module) -> None:
    """Change the weights of ``network`` to others of about the same size."""
    for parameter in network.parameters():
        if parameter.is_floating_point() and not parameter.is_meta:
            parameter.add_(torch.randn_like(parameter) * parameter.abs().mean())


def _can_be_negative(tensor: Tensor) -> bool:
    """Whether a tensor may have negative values, judging by the function that computed it."""
    return tensor.grad_fn is None or not tensor.grad_fn.name().startswith(_NEVER_NEGATIVE)


def _has_negative(tensor: Tensor) -> bool:
    """Whether a tensor has negative values; False on the meta device."""
    return not tensor.is_meta and bool((tensor.detach() < 0).any())


def _why_left(module: nn.Conv2d | nn.ConvTranspose2d, uses: Mapping[int, int]) -> str:
    """Why a convolution that runs can't be opened, or ``""``.

    Args:
        module: The convolution.
        uses: Maps the ``id`` of a parameter to the number of modules that have it.
    """
    if isinstance(module, nn.ConvTranspose2d):
        return "it is a transposed convolution"
    parameters = list(module.parameters(recurse=False))
    kind = type(module)
    own_kind = kind.forward is not nn.Conv2d.forward or kind._conv_forward is not nn.Conv2d._conv_forward
    reasons = {
        f"it is a {kind.__name__}, not a plain convolution": own_kind or parametrize.is_parametrized(module),
        "its weights are frozen": not all(parameter.requires_grad for parameter in parameters),
        "it shares its weights with another": any(uses[id(parameter)] > 1 for parameter in parameters),
        "it has hooks": bool(module._forward_pre_hooks or module._forward_hooks),
        f"its stride is {module.stride}": module.stride[0] != module.stride[1],
        "its 'same' padding is not the same on both sides": _padding(module) is None,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def _padding(module: nn.Conv2d) -> Pair | None:
    """The padding as numbers, None if it is not the same on both sides."""
    if not isinstance(module.padding, str):
        return _two(module.padding)
    if module.padding == "valid":
        return (0, 0)
    around = [d * (k - 1) for d, k in zip(module.dilation, module.kernel_size, strict=True)]
    return None if any(total % 2 for total in around) else (around[0] // 2, around[1] // 2)


def _slot(module: nn.Conv2d, role: str, signed: bool, keep_weights: bool, fits_others: bool) -> Slot:
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
        fits_others=fits_others,
    )


def _two(sizes: tuple[int, ...]) -> Pair:
    return sizes[0], sizes[1]
