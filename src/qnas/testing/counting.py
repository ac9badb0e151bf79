"""Compares the costs that are counted with the layers that really run."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from qnas.core.components import ConvolutionShape
from qnas.core.network import QuantizedConv2d
from qnas.core.settings import FLOAT_BITS

COUNTING = "noise"  # a layer counts the same with any quantizer that is not float, and this one is fast
COUNTED = nn.Conv2d | nn.ConvTranspose2d | nn.Linear
_BIAS_FIRST = (torch.ops.aten.addmm, torch.ops.aten.baddbmm)


def assert_counted(counted: Sequence[ConvolutionShape], network: nn.Module, image: Tensor) -> None:
    """The counted BitOps are those of the layers that run on ``image``, a batch of one."""
    total = sum(shape.macs * shape.weight_bits * shape.activation_bits for shape in counted)
    run = _bit_operations_as_run(network, image)
    assert total == run, f"{total} BitOps are counted for a network that has {run}"


def assert_nothing_hidden(network: nn.Module, image: Tensor, *, attention: bool = False) -> None:
    """All convolutions and matrix products with features of ``image`` happen in layers that are counted.

    Args:
        network: The network to run on ``image``.
        image: A batch of one image, or the features of one.
        attention: Whether features may be multiplied with each other; if so, only products with weights are checked.
    """
    macs = 0

    def note(module: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal macs
        macs += _macs(module, given[0], output) * given[0].requires_grad

    # Attention in a single kernel would hide the two products that it consists of.
    with sdpa_kernel(SDPBackend.MATH), _frozen(network), _noted(network, note), _Products(attention) as products:
        network.eval()(image.clone().requires_grad_())
    assert macs == products.macs, (
        f"{products.macs} multiplications run, {macs} of them in its layers: some of them are outside its layers"
    )


class _Products(TorchDispatchMode):
    """Counts the multiplications in convolutions and matrix products with tensors that require a gradient.

    Attributes:
        macs: The count so far.
    """

    def __init__(self, attention: bool) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.macs = 0
        self._attention = attention

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run the function, and count it."""
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
    """Freeze the parameters, so that only tensors that depend on the network's input require a gradient."""
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    try:
        network.requires_grad_(False)
        yield
    finally:
        for parameter in trained:
            parameter.requires_grad_()


def _bit_operations_as_run(network: nn.Module, image: Tensor) -> int:
    operations = 0

    def note(module: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal operations
        weight, activation = module.widths if isinstance(module, QuantizedConv2d) else (FLOAT_BITS, FLOAT_BITS)
        operations += _macs(module, given[0], output) * weight * activation

    with _noted(network, note), torch.no_grad():
        network.eval()(image)
    return operations


@contextlib.contextmanager
def _noted(network: nn.Module, note: Any) -> Iterator[None]:
    """Call ``note`` with the input and output of every layer that is counted."""
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
