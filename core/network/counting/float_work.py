"""What a quantized network still computes in float: BitOps leave out all but convolutions and linear layers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import flop_registry

from qnas.core.components import FakeQuantizer, Quantizer, Space
from qnas.core.network.candidate import Candidate
from qnas.core.network.convolution import QuantizedActivation, QuantizedConv2d
from qnas.core.network.counting.kept_numbers import Layer, grid_of
from qnas.core.network.probing.devices import blank_image
from qnas.core.network.probing.quick_shapes import Uncompiled
from qnas.core.network.shapes import found_for_shapes, shapes_only
from qnas.core.settings import FLOAT_BITS

_TAPS: Final = {"bicubic": 16, "bilinear": 4}
"""Multiply-adds of an interpolated value."""
_FUSED: Final = {"addcmul", "addcmul_", "addcdiv", "addcdiv_", "lerp", "lerp_"}
_COPIES: Final = {"clone", "copy", "copy_", "detach", "fill", "fill_", "zero_", "lift_fresh", "_to_copy"}
_REDUCTION: Final = getattr(torch.Tag, "reduction", None)  # PyTorch 2.6 has no such tag
_REDUCTIONS: Final = {"mean", "sum", "var", "var_mean", "std", "amax", "amin", "linalg_vector_norm", "max", "min"}


@dataclass
class FloatWork:
    """What a network computes on one image outside its quantized convolutions.

    Attributes:
        macs: Multiply-adds: of layers in float, normalization, interpolation and products of matrices.
        counted_macs: Those of them that BitOps count too, as 32 x 32 bits each: of convolutions and linear layers.
        elementwise: Other operations on single values: sums, products, activations, statistics, pooling.
    """

    macs: int = 0
    counted_macs: int = 0
    elementwise: int = 0


def float_work_of(
    space: Space, scale: int, choices: Mapping[str, Candidate], quantizer: Quantizer, size: tuple[int, int]
) -> FloatWork:
    """The float work of a found network, on an LR image of ``size``."""
    with shapes_only(space, scale):
        return float_work(found_for_shapes(space, scale, choices, quantizer), size)


def float_work(network: nn.Module, size: tuple[int, int]) -> FloatWork:
    """The float work of ``network`` on an image of (1, 3, *size); the network is best one without values.

    An activation in front of a quantizer is a part of it: integers are clamped on the way.
    """
    counter = _Counter()
    handles = [handle for module in network.modules() for handle in counter.watch(module)]
    try:
        with torch.no_grad(), blank_image(network, 3, size) as image, counter:
            network.eval()(image)
    finally:
        for handle in handles:
            handle.remove()
    return counter.work


def _is_integer(module: nn.Module) -> bool:
    """Whether what it computes is done by integers once the network is deployed."""
    if isinstance(module, QuantizedConv2d):
        return FLOAT_BITS not in module.widths
    if isinstance(module, QuantizedActivation):
        module = module.quantizer
    return isinstance(module, FakeQuantizer) and grid_of(module) is not None


class _Counter(Uncompiled):
    """Adds up what PyTorch is asked to compute."""

    def __init__(self) -> None:
        super().__init__()
        self.work = FloatWork()
        self._integers = 0  # how many modules that compute with integers we are in
        self._counted = 0  # how many that BitOps count

    def watch(self, module: nn.Module) -> list[Any]:
        """Hooks that note when ``module`` runs."""
        name = "_integers" if _is_integer(module) else "_counted" if isinstance(module, Layer) else ""
        if not name:
            return []
        enter, leave = self._moves(name)
        return [module.register_forward_pre_hook(enter), module.register_forward_hook(leave, always_call=True)]

    def _moves(self, name: str) -> tuple[Callable[..., None], Callable[..., None]]:
        def enter(*_: Any) -> None:
            setattr(self, name, getattr(self, name) + 1)

        def leave(*_: Any) -> None:
            setattr(self, name, getattr(self, name) - 1)

        return enter, leave

    def __torch_dispatch__(
        self, operator: Any, _: Any, arguments: Sequence[Any] = (), named: Mapping[str, Any] | None = None
    ) -> Any:
        result = operator(*arguments, **(named or {}))
        if not self._integers:
            macs = _macs(operator, arguments, named or {}, result)
            self.work.macs += macs
            self.work.counted_macs += macs if self._counted else 0
            self.work.elementwise += 0 if macs else _elementwise(operator, arguments, result)
        return result


def _macs(operator: Any, arguments: Sequence[Any], named: Mapping[str, Any], result: Any) -> int:
    packet = operator.overloadpacket
    name = packet.__name__
    if packet in flop_registry:
        return int(flop_registry[packet](*arguments, **named, out_val=result)) // 2
    if name in _FUSED or name.endswith("_norm") or "batch_norm" in name:
        return _values(result)
    return next((taps * _values(result) for kind, taps in _TAPS.items() if f"upsample_{kind}" in name), 0)


def _elementwise(operator: Any, arguments: Sequence[Any], result: Any) -> int:
    name = operator.overloadpacket.__name__
    if name in _COPIES:
        return 0
    if "pool2d" in name and not name.lstrip("_").startswith("adaptive"):
        return _values(result) * int(prod(arguments[1]))
    if name in _REDUCTIONS or "pool" in name or (_REDUCTION is not None and _REDUCTION in operator.tags):
        return _values(arguments[0])
    return _values(result) if torch.Tag.pointwise in operator.tags else 0


def _values(tensors: Any) -> int:
    """How many values a tensor has, or the first of several."""
    first = tensors[0] if isinstance(tensors, tuple | list) else tensors
    count: int = first.numel() if isinstance(first, Tensor) else 0
    return count
