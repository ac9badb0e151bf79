"""The dry run of a third-party space, before anything depends on it."""

from collections.abc import Mapping
from typing import ClassVar

import pytest
import torch
from torch import nn

from qnas.core.components import Cost, Operation, Quantizer, Space
from qnas.core.errors import InputError
from qnas.core.network import Slot, Supernet, build_found, count_space, refuse_broken, slot_candidates
from qnas.core.training.machine import place

CPU = torch.device("cpu")


class Theirs(Space):
    """A space of a network with something between its two slots."""

    defaults: ClassVar[Mapping[str, tuple[str, ...]]] = {"body": ("conv3x3", "conv1x1")}

    def build(self, scale: int) -> nn.Module:
        first, second = Slot("body", 3, 4, activation="none"), Slot("body", 4, 3 * scale**2)
        return nn.Sequential(first, self.between(), second, nn.PixelShuffle(scale))

    def between(self) -> nn.Module:
        return nn.Identity()


class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.gain = torch.rand(())

    def forward(self, x):
        return x * self.gain


class Reading(nn.Module):
    def forward(self, x):
        return x / (1 + x.abs().max().item())


class Viewing(nn.Module):
    def forward(self, x):
        return x.view(x.shape[0], -1).view(x.shape)


class Broken(nn.Module):
    def forward(self, x):
        if len(x) > 1:
            raise ValueError("no such luck\nsecond line")
        return x


def theirs(between):
    return type("Theirs", (Theirs,), {"between": lambda _: between(), "__module__": __name__})()


def test_another_network_each_time_is_refused():
    said = r"^two builds of the network of 'Theirs' give different images .*: the tensor '1.gain' is in no state dict"
    with pytest.raises(InputError, match=said):
        refuse_broken(theirs(Scaled), 2, (8, 8))


def test_what_does_not_run_on_a_batch_is_one_line():
    said = (
        r"^the network of 'Theirs' does not run \(evaluation mode, LR images of \(2, 3, 32, 32\)\): ValueError: no such"
    )
    with pytest.raises(InputError, match=said):
        refuse_broken(theirs(Broken), 2, (8, 8))


def test_a_network_that_reads_values_is_counted_with_values():
    spaces = theirs(nn.Identity), theirs(Reading)
    refuse_broken(spaces[1], 2, (8, 8))
    tables = [count_space(space, 2, Quantizer.of("lsq")).table(Cost.of("bitops")) for space in spaces]
    assert torch.equal(tables[0].slots, tables[1].slots)


class Measuring(Operation):
    """An operation that reads values."""

    def build(self, slot, layers):
        return nn.Sequential(Reading(), layers.conv(slot.in_channels, slot.out_channels, 3))


def test_an_operation_that_reads_values_is_counted_with_values():
    spaces = (Theirs(operations={"body": (operation,)}) for operation in (Operation.of("conv3x3"), Measuring()))
    tables = [count_space(space, 2, Quantizer.of("lsq")).table(Cost.of("bitops")) for space in spaces]
    assert torch.equal(tables[0].slots, tables[1].slots)


def layouts(network):
    kernels = [m.weight for m in place(network, CPU).modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)]
    return {
        "contiguous" if kernel.is_contiguous() else "channels last"
        for kernel in kernels
        if not (kernel.is_contiguous() and kernel.is_contiguous(memory_format=torch.channels_last))
    }


@pytest.mark.parametrize(("between", "expected"), [(nn.Identity, "channels last"), (Viewing, "contiguous")])
def test_only_a_network_that_needs_it_is_placed_contiguously(between, expected):
    space = theirs(between)
    refuse_broken(space, 2, (8, 8))
    chosen = {path: options[0] for path, options in slot_candidates(space, 2).items()}
    found = build_found(space, 2, chosen, Quantizer.of("lsq"))
    supernet = Supernet(space, 2, Quantizer.of("noise"))
    assert layouts(found) == layouts(supernet) == {expected}
    image = torch.rand(2, 8, 8, 3).permute(0, 3, 1, 2)
    assert found(image).shape == supernet(image, supernet.probabilities()).shape == (2, 3, 16, 16)


def test_the_image_that_a_network_changes_is_its_own():
    class Changing(nn.Sequential):
        def forward(self, x):
            return super().forward(x.mul_(2))

    class Doubling(Theirs):
        def build(self, scale):
            return Changing(*super().build(scale))

    space = Doubling()
    chosen = {path: options[0] for path, options in slot_candidates(space, 2).items()}
    image = torch.rand(1, 3, 8, 8)
    before = image.clone()
    build_found(space, 2, chosen, Quantizer.of("lsq"))(image)
    assert torch.equal(image, before)
