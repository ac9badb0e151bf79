"""Costs as they are counted, against the layers as they really run."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from qnas.core.components import FLOAT_BITS, ConvolutionShape, Cost
from qnas.core.network import QuantizedConv2d

COUNTING = "noise"  # the quantizer: a layer counts the same with any that is not float, and this one is quick
_CONVOLUTION: Any = torch.ops.aten.convolution


def assert_counted(counted: Sequence[ConvolutionShape], network: nn.Module, image: Tensor) -> None:
    """The BitOps that are counted are those of the layers that run on ``image``, which is one alone."""
    total = sum(map(Cost.of("bitops").of_convolution, counted))
    bitops = _bitops_as_run(network, image)
    assert total == bitops, f"{total} BitOps are counted of a network that has {bitops}"


def assert_nothing_hidden(network: nn.Module, image: Tensor) -> None:
    """All convolutions that run on ``image`` are those of layers, which are counted."""
    macs = 0

    def note(module: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal macs
        macs += _macs(module, given[0], output)

    with FlopCounterMode(display=False) as counter:
        _run(network, image, note, nn.Conv2d | nn.ConvTranspose2d)
    computed = counter.get_flop_counts().get("Global", {}).get(_CONVOLUTION, 0) // 2
    assert macs == computed, f"its layers multiply {macs} times, its convolutions {computed}: one is in no layer"


def _bitops_as_run(network: nn.Module, image: Tensor) -> int:
    bitops = 0

    def note(module: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal bitops
        weight, activation = module.widths if isinstance(module, QuantizedConv2d) else (FLOAT_BITS, FLOAT_BITS)
        bitops += _macs(module, given[0], output) * weight * activation

    _run(network, image, note, nn.Conv2d | nn.ConvTranspose2d | nn.Linear)
    return bitops


def _run(network: nn.Module, image: Tensor, note: Any, layers: Any) -> None:
    handles = [layer.register_forward_hook(note) for layer in network.modules() if isinstance(layer, layers)]
    try:
        with torch.no_grad():
            network.eval()(image)
    finally:
        for handle in handles:
            handle.remove()


def _macs(module: nn.Module, given: Tensor, output: Tensor) -> int:
    applied = given if isinstance(module, nn.ConvTranspose2d) else output
    channels = applied.shape[-1 if isinstance(module, nn.Linear) else 1]
    return module.get_parameter("weight").numel() * (applied.numel() // channels)
