"""The contract of blocks."""

import itertools
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from qnas.core.components import Activation, Block, Operation, Quantizer, SlotShape
from qnas.core.network import Candidate, convolutions, fill, find_slots
from qnas.core.network.calibration import calibrate
from qnas.core.settings import FLOAT, Widths
from qnas.testing.contract import contract
from qnas.testing.counting import COUNTING, assert_counted, assert_nothing_hidden
from qnas.testing.failure import told_as
from qnas.testing.fitting import fitting
from qnas.testing.gradients import assert_gradients, assert_reached, assert_repeatable
from qnas.testing.network import assert_unsigned, check_network
from qnas.testing.small import SCALE, composed

_CHANNELS = {f"with {channels} channels": channels for channels in (3, 4, 7, 8, 12, 16, 32, 48, 64)}
_TRIES = 3
_ACTIVATIONS: tuple[Activation, ...] = ("relu", "prelu")
_WIDTHS = (FLOAT, Widths(4, 4))
_SIZE = (17, 22)
_SMALL = 8  # as small as a patch can be


def check_block(reference: Block | str | Mapping[str, Any], *, seed: int = 0) -> None:
    """Check that a block meets its contract, at several numbers of channels, alone and in a network.

    It fits at least one number of channels, and says why it does not fit the others. Its slots have the roles that it
    states. Each slot can hold its original operation, and reads no negative values if it says so. The output has the
    channels that the block states, and the size of the input. Its cost equals a count of its layers as they run, and
    nothing outside layers is multiplied with weights. Gradients that are not all zeros reach the input and every
    parameter, at the largest number of channels that it fits. In evaluation it is deterministic.

    Args:
        reference: A block, its name, or a mapping of its name and fields.
        seed: Seed of the values that it is given.

    Raises:
        AssertionError: It breaks its contract.
    """
    with contract(Block.of, reference) as block:
        fitting_channels = list(fitting(block.unfit, _CHANNELS).values())
        for channels, activation in itertools.product(fitting_channels[:_TRIES], _ACTIVATIONS):
            with told_as(f"with {channels} channels and {activation}"):
                _check_slots(block, channels, activation)
                for widths in _WIDTHS:
                    torch.manual_seed(seed)
                    _check_alone(block, channels, activation, widths)
        _check_reached(block, fitting_channels[-1])
        with told_as("in a network"):
            check_network(composed(block, channels=fitting_channels[0]), SCALE)


def _built(block: Block, channels: int, activation: Activation) -> nn.Module:
    """The block inside another module, because it may itself be a single slot."""
    return nn.Sequential(OrderedDict(block=block.build(channels, activation)))


def _check_slots(block: Block, channels: int, activation: Activation) -> None:
    native = Operation.of("native")
    with torch.device("meta"):
        slots = find_slots(_built(block, channels, activation))
    for path, shape in slots.items():
        assert shape.role in block.roles, f"its slot '{path}' has the role '{shape.role}', which roles does not list"
        reason = native.unfit(shape)
        assert not reason, f"its slot '{path}' can't hold its original operation: {reason}"


def _check_alone(block: Block, channels: int, activation: Activation, widths: Widths) -> None:
    network = _filled(block, channels, activation, widths)
    features = torch.randn(2, channels, *_SIZE)
    calibrate(network, lambda: network(features))
    _check_output(block, network, features)
    _check_output(block, network, features[..., :_SMALL, :_SMALL])
    with torch.device("meta"):
        counted = convolutions(_filled(block, channels, activation, widths, COUNTING), channels, _SIZE)
        slots = find_slots(_built(block, channels, activation))
    assert_counted(counted, network, features[:1])
    assert_nothing_hidden(network, features[:1], attention=True)
    assert_unsigned(slots, network, features)
    given = features.clone().requires_grad_()
    assert_gradients(network.train(), lambda: network(given), input=given)
    assert_repeatable(network, lambda: network(features))


def _check_reached(block: Block, channels: int) -> None:
    """With enough channels that narrow parts of it, such as attention, are not dead ends."""
    for activation, widths in itertools.product(_ACTIVATIONS, _WIDTHS):

        def make(activation: Activation = activation, widths: Widths = widths) -> nn.Module:
            network, features = _filled(block, channels, activation, widths), torch.randn(2, channels, *_SIZE)
            calibrate(network, lambda: network(features))
            return network

        with told_as(f"with {channels} channels and {activation} at {widths.label} bits"):
            assert_reached(make, lambda: torch.randn(2, channels, *_SIZE, requires_grad=True))


def _filled(block: Block, channels: int, activation: Activation, widths: Widths, quantizer: str = "lsq") -> nn.Module:
    """The block with its original operations at these widths."""
    native = Operation.of("native")

    def original(_: str, shape: SlotShape) -> nn.Module:
        candidate = Candidate(native, widths if native.is_quantized_in(shape) else None)
        return candidate.fill(shape, Quantizer.of(quantizer))

    return fill(_built(block, channels, activation), original)


def _check_output(block: Block, network: nn.Module, features: Tensor) -> None:
    images, channels, *size = features.shape
    output, wanted = network(features), (images, block.out_channels(channels), *size)
    assert output.shape == wanted, f"its output is {tuple(output.shape)}, not {wanted}"
    assert output.isfinite().all(), "its output has values that are not finite"
