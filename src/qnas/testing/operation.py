"""The contract of operations."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from qnas.core.components import Activation, Operation, Quantizer, SlotShape, is_signed
from qnas.core.network import (
    Candidate,
    FilledSlot,
    MergedSlot,
    MixedSlot,
    PlainSlot,
    QuantizedConv2d,
    convolutions,
    grid,
)
from qnas.core.network.calibration import calibrate
from qnas.core.settings import FLOAT, Widths
from qnas.testing.contract import contract
from qnas.testing.counting import COUNTED, COUNTING, assert_counted, assert_nothing_hidden
from qnas.testing.failure import told_as
from qnas.testing.fitting import fitting
from qnas.testing.gradients import assert_reached, assert_repeatable

_PLACES = (
    ("body", 6, 6),
    ("body", 6, 12),
    ("body", 12, 6),
    ("body", 5, 7),
    ("skip", 64, 64),
    ("head", 3, 12),
    ("upsample", 8, 48),
    ("tail", 3, 3),
)
_ACTIVATIONS: tuple[Activation, ...] = ("relu", "none", "prelu")
_SHAPES = tuple(
    SlotShape(*place, stride, activation, is_signed(activation))
    for (place, stride), activation in zip(
        itertools.product(_PLACES, (1, 2)), itertools.cycle(_ACTIVATIONS), strict=False
    )
)
_USUAL = {
    f"in a {shape.role} slot of {shape.in_channels} -> {shape.out_channels} channels"
    f" with stride {shape.stride} after {shape.activation}": shape
    for shape in _SHAPES
}
_SIZE = (9, 7)
_WIDTHS = (Widths(4, 4), Widths(4, 8))
_FEW = Widths(2, 3)  # few enough that extra values show up, but too few to train


def check_operation(reference: Operation | str | Mapping[str, Any], *, seed: int = 0) -> None:
    """Check that an operation meets its contract, in every usual slot that it fits.

    It fits at least one, and says why it does not fit the others. The output has the slot's channels and size. All its
    convolutions and matrix products are in layers that ``layers.conv`` makes. Each of these has at most 2^bits
    different weights per output channel and reads at most 2^bits different values, and the counted cost is that of the
    layers that really run. In the supernet, where it may be merged with others, it computes the same as alone.
    Gradients that are not all zeros reach the input and every parameter. In evaluation it is deterministic. It does not
    change its input, and a module that changes its output in place, such as ``nn.ReLU(inplace=True)``, affects nothing
    else.

    Args:
        reference: An operation, its name, or a mapping of its name and fields.
        seed: Seed of the values that it is given.

    Raises:
        AssertionError: It breaks its contract.
    """
    with contract(Operation.of, reference) as operation:
        for place, shape in fitting(operation.unfit, _USUAL).items():
            with told_as(place):
                torch.manual_seed(seed)
                features = torch.randn(2, shape.in_channels, *_SIZE)
                _check_alone(operation, shape, features)
                _check_in_supernet(operation, shape, features)


def _check_alone(operation: Operation, shape: SlotShape, features: Tensor) -> None:
    is_quantized = operation.is_quantized_in(shape)
    module = _filled(operation, shape, _FEW, features)
    _check_output(module(features), shape)
    _check_layers(module, is_quantized)
    _check_values(module, features)
    _check_count(operation, shape, module, features[:1])
    _check_apart(operation, shape, features)
    assert_repeatable(module, lambda: module(features))
    assert_reached(lambda: _filled(operation, shape, _WIDTHS[0], features), lambda: features.clone().requires_grad_())


def _candidate(operation: Operation, shape: SlotShape, widths: Widths) -> Candidate:
    return Candidate(operation, widths if operation.is_quantized_in(shape) else None)


def _filled(operation: Operation, shape: SlotShape, widths: Widths, features: Tensor) -> nn.Module:
    module = _candidate(operation, shape, widths).fill(shape, Quantizer.of("lsq"))
    calibrate(module, lambda: module(features))
    return module


def _check_output(output: Tensor, shape: SlotShape) -> None:
    wanted = (2, shape.out_channels, *(-(-extent // shape.stride) for extent in _SIZE))
    assert output.shape == wanted, f"its output is {tuple(output.shape)}, not {wanted}"
    assert output.isfinite().all(), "its output has values that are not finite"


def _check_layers(module: nn.Module, is_quantized: bool) -> None:
    found = [m for m in module.modules() if isinstance(m, COUNTED)]
    for layer in found:
        assert isinstance(layer, QuantizedConv2d), f"its {type(layer).__name__} is not made by layers.conv"
    if is_quantized:
        assert found, "it has no convolution, so it should set quantized = False"
    assert is_quantized or not found, "it has a convolution, but says that it has nothing to quantize"


def _check_values(module: nn.Module, features: Tensor) -> None:
    """Its convolutions read at most 2^3 different values, and have at most 2^2 different weights per output channel."""
    read_by: dict[nn.Module, Tensor] = {}
    layers = [m for m in module.modules() if isinstance(m, QuantizedConv2d)]
    handles = [layer.register_forward_pre_hook(lambda m, given: read_by.update({m: given[0]})) for layer in layers]
    with torch.no_grad():
        module(features)
    for handle in handles:
        handle.remove()
    for layer in layers:
        assert layer in read_by, "one of its convolutions never runs"
        values = len(read_by[layer].unique())
        assert values <= 2**_FEW.activation, (
            f"a convolution reads {values} different values at {_FEW.activation} bits:"
            " put layers.activation between two convolutions"
        )
        weights = max(len(channel.unique()) for channel in layer.weight_quantizer(layer.weight))
        assert weights <= 2**_FEW.weight, f"a convolution has {weights} different weights at {_FEW.weight} bits"


def _check_count(operation: Operation, shape: SlotShape, module: nn.Module, image: Tensor) -> None:
    with torch.device("meta"):
        filled = _candidate(operation, shape, _FEW).fill(shape, Quantizer.of(COUNTING))
        counted = convolutions(filled, shape.in_channels, _SIZE)
    assert_counted(counted, module, image)
    assert_nothing_hidden(module, image)


def _check_apart(operation: Operation, shape: SlotShape, features: Tensor) -> None:
    """In float, where no quantizer separates the slot's input from the operation."""
    slot = _candidate(operation, shape, FLOAT).fill(shape, Quantizer.of("none"))
    assert isinstance(slot, FilledSlot)
    reads: list[tuple[Tensor, int]] = []
    slot.operation.register_forward_pre_hook(lambda _, given: reads.append((given[0], given[0]._version)))
    read = features.clone().requires_grad_() * 1
    output = slot(read)
    assert all(given._version == before for given, before in reads), "it changes its input in place"
    with told_as("changing its output in place breaks it"):
        output.relu_().sum().backward()
    assert torch.equal(read, features), "changing its output in place changes its input"


def _check_in_supernet(operation: Operation, shape: SlotShape, features: Tensor) -> None:
    """Merged with others, the slot computes what the operations compute one by one."""
    others = map(Operation.of, ("conv3x3", "conv1x1"))
    operations = list(dict.fromkeys([operation, *others]))
    candidates = grid(operations, _WIDTHS, shape)
    plain = PlainSlot(shape, candidates, Quantizer.of("lsq")).double().eval()
    merged = MergedSlot(shape, candidates, Quantizer.of("lsq")).double().eval()
    image = features.double()
    calibrate(plain, lambda: plain(image))
    merged.load_state_dict(plain.state_dict())
    expected, actual = (_run(slot, operations, image) for slot in (plain, merged))
    _check_output(actual, shape)
    assert torch.allclose(actual, expected), "merged with other operations in the supernet, its output is different"


def _run(slot: MixedSlot, operations: Sequence[Operation], image: Tensor) -> Tensor:
    """The slot's output with independent operations and widths, because only then do both forms agree."""
    of_operations = torch.arange(1.0, len(operations) + 1, dtype=image.dtype)
    of_widths = torch.arange(1.0, len(_WIDTHS) + 1, dtype=image.dtype)
    rows = [
        p * (of_widths / of_widths.sum() if is_quantized else image.new_ones(1))
        for p, is_quantized in zip(of_operations / of_operations.sum(), slot.is_quantized, strict=True)
    ]
    slot.probabilities = torch.cat(rows)
    with torch.no_grad():
        output: Tensor = slot(image)
    return output
