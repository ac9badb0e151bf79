"""Costs as they are counted, against the layers as they really run."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from qnas.core.components import ConvolutionShape, Cost
from qnas.core.network import QuantizedConv2d
from qnas.core.settings import FLOAT_BITS

COUNTING = "noise"  # the quantizer: a layer counts the same with any that is not float, and this one is quick
COUNTED = nn.Conv2d | nn.ConvTranspose2d | nn.Linear
_BIAS_FIRST = (torch.ops.aten.addmm, torch.ops.aten.baddbmm)


def assert_counted(counted: Sequence[ConvolutionShape], network: nn.Module, image: Tensor) -> None:
    """The BitOps that are counted are those of the layers that run on ``image``, which is one alone."""
    total = sum(map(Cost.of("bitops").of_convolution, counted))
    bitops = _bitops_as_run(network, image)
    assert total == bitops, f"{total} BitOps are counted of a network that has {bitops}"


def assert_nothing_hidden(network: nn.Module, image: Tensor, *, attention: bool = False) -> None:
    """All that is multiplied with features of ``image``, by convolutions or matrices, is so in layers that are counted.

    Args:
        network: What runs on it.
        image: One, or features of one.
        attention: Whether features may be multiplied with each other; if so, only products with weights are looked at.
    """
    macs = 0

    def note(module: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal macs
        macs += _macs(module, given[0], output) * given[0].requires_grad

    # Attention that is one kernel would not be seen as the two products that it is.
    with sdpa_kernel(SDPBackend.MATH), _frozen(network), _noted(network, note), _Products(attention) as products:
        network.eval()(image.clone().requires_grad_())
    assert macs == products.macs, (
        f"its layers multiply {macs} times, all that runs {products.macs} times: some of it is in no layer"
    )


class _Products(TorchDispatchMode):
    """Counts the multiplications of convolutions and matrix products with what requires a gradient.

    Attributes:
        macs: How many there were.
    """

    def __init__(self, attention: bool) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.macs = 0
        self._attention = attention

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Runs what is to run, and counts it."""
        del types
        keywords = kwargs or {}
        output, operator = func(*args, **keywords), func.overloadpacket
        if operator in flop_registry and self._is_counted(args[1:3] if operator in _BIAS_FIRST else args[:2]):
            self.macs += flop_registry[operator](*args, **keywords, out_val=output) // 2
        return output

    def _is_counted(self, factors: Sequence[Tensor]) -> bool:
        of_features = [factor.requires_grad for factor in factors]
        return any(of_features) and not (self._attention and all(of_features))


@contextlib.contextmanager
def _frozen(network: nn.Module) -> Iterator[None]:
    """Have only that require a gradient what depends on the network's input."""
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    try:
        network.requires_grad_(False)
        yield
    finally:
        for parameter in trained:
            parameter.requires_grad_()


def _bitops_as_run(network: nn.Module, image: Tensor) -> int:
    bitops = 0

    def note(module: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal bitops
        weight, activation = module.widths if isinstance(module, QuantizedConv2d) else (FLOAT_BITS, FLOAT_BITS)
        bitops += _macs(module, given[0], output) * weight * activation

    with _noted(network, note), torch.no_grad():
        network.eval()(image)
    return bitops


@contextlib.contextmanager
def _noted(network: nn.Module, note: Any) -> Iterator[None]:
    """Have the layers that are counted tell ``note`` what they run on."""
    handles = [layer.register_forward_hook(note) for layer in network.modules() if isinstance(layer, COUNTED)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _macs(module: nn.Module, given: Tensor, output: Tensor) -> int:
    applied = given if isinstance(module, nn.ConvTranspose2d) else output
    channels = applied.shape[-1 if isinstance(module, nn.Linear) else 1]
    return module.get_parameter("weight").numel() * (applied.numel() // channels)
