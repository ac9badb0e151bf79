"""What a network keeps beside the weights and biases of its convolutions: steps of its quantizers, other numbers."""

from collections.abc import Iterable, Iterator
from typing import TypedDict

from torch import Tensor, nn

from qnas.core.components import FakeQuantizer, Grid

Layer = nn.Conv2d | nn.ConvTranspose2d | nn.Linear
"""What is counted as a convolution."""


class KeptNumbers(TypedDict):
    """How many numbers there are (see :class:`qnas.core.components.Part`)."""

    steps: int
    others: int


def grid_of(quantizer: FakeQuantizer) -> Grid | None:
    """Its grid, None if it has none."""
    try:
        return quantizer.grid()
    except ValueError:
        return None


def kept_numbers(network: nn.Module, without: Iterable[nn.Module] = ()) -> KeptNumbers:
    """What ``network`` keeps, leaving out these modules and all in them."""
    steps, others = 0, dict[int, int]()
    for module in _modules(network, {inner for outer in without for inner in outer.modules()}):
        if isinstance(module, FakeQuantizer):
            steps += _numbers(module)
        else:
            others.update({id(value): value.numel() for value in _floats(module)})  # what is shared counts once
    return {"steps": steps, "others": sum(others.values())}


def _modules(network: nn.Module, without: set[nn.Module]) -> list[nn.Module]:
    """All modules in it, but for those in quantizers."""
    inside = {part for m in network.modules() if isinstance(m, FakeQuantizer) for part in m.modules() if part is not m}
    return [module for module in network.modules() if module not in without | inside]


def _numbers(quantizer: FakeQuantizer) -> int:
    """How many steps and zero points the kernel of an integer convolution needs."""
    grid = grid_of(quantizer)
    if grid is None:
        return 0
    return grid.step.numel() + (grid.offset.numel() if isinstance(grid.offset, Tensor) else 0)


def _floats(module: nn.Module) -> Iterator[Tensor]:
    """The float values of a module's own that are saved with it, but for a convolution's weights and bias."""
    counted = {"weight", "bias"} if isinstance(module, Layer) else set()
    transient = module._non_persistent_buffers_set  # what PyTorch itself saves by
    named = [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]
    for name, value in named:
        if name not in counted | transient and value.is_floating_point():
            yield value
