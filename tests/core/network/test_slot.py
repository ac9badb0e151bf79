"""Slots, open and filled."""

from typing import ClassVar

import pytest
import torch
from torch import nn

from qnas.core.components import Operation, Quantizer, SlotShape
from qnas.core.network import Candidate, FilledSlot, MergedSlot, PlainSlot, Slot
from qnas.core.registry import plugins
from qnas.core.settings import Widths


def test_open_slot_has_no_parameters_and_refuses_to_run():
    slot = Slot("body", 3, 5)
    assert not list(slot.parameters())
    with pytest.raises(RuntimeError, match="is open: fill the network first"):
        slot(torch.rand(1, 3, 4, 4))


@pytest.mark.parametrize(
    ("activation", "signed", "expected"),
    [("relu", None, False), ("none", None, True), ("none", False, False), ("relu", True, True)],
)
def test_input_is_signed_without_an_activation_unless_the_space_says_otherwise(activation, signed, expected):
    assert Slot("body", 3, 5, activation=activation, signed=signed).shape.signed is expected


class Squashed(Operation):
    """Saves its output for its gradient, as a sigmoid does."""

    quantized: ClassVar[bool] = False

    def build(self, slot, layers):
        return nn.Sigmoid()


class Seen(Operation):
    """Returns a view of its input."""

    quantized: ClassVar[bool] = False

    def build(self, slot, layers):
        return nn.Unflatten(1, (-1,))


class Normed(Operation):
    """Can't take an image by itself."""

    quantized: ClassVar[bool] = False

    def build(self, slot, layers):
        return nn.BatchNorm2d(slot.in_channels)


SHAPE = SlotShape("body", 6, 6, 1, "none", signed=True)
OPERATIONS = [Operation.of(entry.name) for entry in plugins().registries["operation"] if entry.name != "conv2d"]
FITTING = [*(operation for operation in OPERATIONS if not operation.unfit(SHAPE)), Squashed(), Seen()]


class Residual(nn.Module):
    """An activation before a slot and one behind it; the skip reads what the slot reads."""

    def __init__(self, slot, inplace):
        super().__init__()
        self.before, self.slot, self.behind = nn.LeakyReLU(0.3, inplace), slot, nn.ReLU(inplace)

    def forward(self, image):
        features = self.before(2 * image)
        return features + self.behind(self.slot(features))


def filled(operation, form, quantizer):
    candidate = Candidate(operation, Widths(4, 4) if operation.is_quantized_in(SHAPE) else None)
    if form is FilledSlot:
        return candidate.fill(SHAPE, quantizer)
    beside = Candidate(Operation.of("identity"), None)
    return form(SHAPE, list(dict.fromkeys([candidate, beside])), quantizer)


@pytest.mark.parametrize("operation", FITTING, ids=lambda o: o.name or type(o).__name__)
@pytest.mark.parametrize("form", [FilledSlot, MergedSlot, PlainSlot])
@pytest.mark.parametrize("quantizer", ["none", "lsq"])
def test_what_acts_in_place_around_a_slot_changes_nothing_else(operation, form, quantizer):
    torch.manual_seed(0)
    slot = filled(operation, form, Quantizer.of(quantizer))
    image = torch.randn(2, 6, 5, 4, requires_grad=True)
    results = []
    for inplace in (False, True):
        output = Residual(slot, inplace)(image)
        parameters = [p for p in slot.parameters() if p.requires_grad]
        results.append([output, *torch.autograd.grad(output.square().sum(), [image, *parameters], allow_unused=True)])
    torch.testing.assert_close(*results, rtol=0, atol=0)


@pytest.mark.parametrize("form", [FilledSlot, MergedSlot, PlainSlot])
@pytest.mark.parametrize("operation", [Operation.of("conv3x3"), Operation.of("identity"), Normed()])
def test_an_image_by_itself_is_taken_without_a_dimension_for_images(form, operation):
    torch.manual_seed(0)
    slot = filled(operation, form, Quantizer.of("lsq")).eval()
    image = torch.randn(6, 5, 4)
    assert torch.equal(slot(image), slot(image[None])[0])
