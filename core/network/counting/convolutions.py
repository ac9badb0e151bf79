"""Counting: the convolutions that a network runs on an image, and the cost of every choice of a space.

There is one way to count, :func:`convolutions`: the cost tables of the search are made by it, candidate by
candidate, and the found network is counted by it as a whole and then divided into the same parts.
"""

import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypedDict

import torch
from torch import Tensor, nn

from qnas.core.components import ConvolutionShape, Cost, Operation, Part, Quantizer, SlotShape, Space
from qnas.core.errors import QnasError
from qnas.core.network.candidate import Candidate
from qnas.core.network.convolution import QuantizedConv2d, QuantizedLayers
from qnas.core.network.counting.kept_numbers import Layer, kept_numbers
from qnas.core.network.fill import fill, open_network, slot_candidates
from qnas.core.network.memo import once_a_space
from qnas.core.network.probing.devices import blank_image
from qnas.core.network.shapes import found_for_shapes, shapes_only
from qnas.core.network.sharing import leaders
from qnas.core.network.slot import FilledSlot
from qnas.core.settings import FLOAT, FLOAT_BITS

LR_SIZE = (32, 32)


def convolutions(network: nn.Module, channels: int, size: tuple[int, int]) -> list[ConvolutionShape]:
    """Every convolution that ``network`` runs on an input of (1, channels, *size), in running order.

    A linear layer counts as the 1 x 1 convolution that it is. The network is best one without values, on the meta
    device: then only shapes are computed.
    """
    found: list[ConvolutionShape] = []
    paths = {module: path for path, module in network.named_modules()}

    def note(module: Layer, inputs: tuple[Tensor, ...], named: Mapping[str, Tensor], output: Tensor) -> None:
        if isinstance(module, nn.Linear):
            shape = _linear_shape(module, output)
        else:
            shape = _convolution_shape(module, inputs[0] if inputs else named["input"], output)
        path = paths[module]
        found.append(replace(shape, path=path, repeated=path in {earlier.path for earlier in found}))

    handles = [m.register_forward_hook(note, with_kwargs=True) for m in network.modules() if isinstance(m, Layer)]
    try:
        with torch.no_grad(), blank_image(network, channels, size) as image:
            network.eval()(image)
    finally:
        for handle in handles:
            handle.remove()
    return found


def _convolution_shape(module: nn.Conv2d | nn.ConvTranspose2d, image: Tensor, output: Tensor) -> ConvolutionShape:
    transposed = isinstance(module, nn.ConvTranspose2d)
    applied = image if transposed else output  # a transposed one applies its kernel at every pixel of its input
    widths = module.widths if isinstance(module, QuantizedConv2d) else FLOAT
    return ConvolutionShape(
        path="",
        in_channels=module.in_channels,
        out_channels=module.out_channels,
        kernel_size=(module.kernel_size[0], module.kernel_size[1]),
        groups=module.groups,
        output_size=(applied.shape[-2], applied.shape[-1]),
        bias=module.bias is not None,
        weight_bits=widths.weight,
        activation_bits=widths.activation,
        images=applied.shape[0] if applied.dim() == 4 else 1,
        stride=(module.stride[0], module.stride[1]),
        dilation=(module.dilation[0], module.dilation[1]),
        transposed=transposed,
    )


def _linear_shape(module: nn.Linear, output: Tensor) -> ConvolutionShape:
    return ConvolutionShape(
        path="",
        in_channels=module.in_features,
        out_channels=module.out_features,
        kernel_size=(1, 1),
        groups=1,
        output_size=(output.numel() // max(1, module.out_features), 1),
        bias=module.bias is not None,
        weight_bits=FLOAT_BITS,
        activation_bits=FLOAT_BITS,
    )


def part_of(network: nn.Module, channels: int, size: tuple[int, int]) -> Part:
    """``network`` as one part, on an input of (1, channels, *size)."""
    return Part(convolutions(network, channels, size), **kept_numbers(network), **_named(network))


class _Names(TypedDict, total=False):
    """What a candidate is called (see :class:`qnas.core.components.Part`)."""

    operation: str
    entrance: str


def _named(module: nn.Module) -> _Names:
    if not isinstance(module, FilledSlot):
        return {}
    return {"operation": module.component.known_as, "entrance": module.entrance}


@dataclass(frozen=True)
class NetworkCount:
    """What a network runs.

    Attributes:
        rest: What lies outside the slots.
        slots: Slot path to what it holds.
    """

    rest: Part
    slots: Mapping[str, Part]

    def total(self, cost: Cost) -> int:
        """What the network costs."""
        return cost.of_rest(self.rest) + sum(map(cost.of_candidate, self.slots.values()))


def count_network(network: nn.Module, slots: Iterable[str], size: tuple[int, int] = LR_SIZE) -> NetworkCount:
    """What ``network``, which has something in each of these slots, runs on an LR image of ``size``."""
    filled = {path: network.get_submodule(path) for path in slots}
    inside: dict[str, list[ConvolutionShape]] = {path: [] for path in filled}
    rest: list[ConvolutionShape] = []
    for convolution in convolutions(network, 3, size):
        slot = next((path for path in filled if f"{convolution.path}.".startswith(f"{path}.")), None)
        (rest if slot is None else inside[slot]).append(convolution)
    parts = {path: Part(inside[path], **kept_numbers(module), **_named(module)) for path, module in filled.items()}
    return NetworkCount(Part(rest, **kept_numbers(network, filled.values())), parts)


def count_choices(
    space: Space,
    scale: int,
    choices: Mapping[str, Candidate],
    quantizer: Quantizer,
    size: tuple[int, int] = LR_SIZE,
) -> NetworkCount:
    """What the network with these candidates runs, on an LR image of ``size``."""
    with shapes_only(space, scale):
        return count_network(found_for_shapes(space, scale, choices, quantizer), choices, size)


def count_found(
    space: Space,
    scale: int,
    choices: Mapping[str, Candidate],
    quantizer: Quantizer,
    size: tuple[int, int] = LR_SIZE,
) -> list[ConvolutionShape]:
    """The convolutions of a found network, on an LR image of ``size``."""
    with shapes_only(space, scale):
        return convolutions(found_for_shapes(space, scale, choices, quantizer), 3, size)


class _Probe(nn.Module):
    """Stands in a slot to learn the size of its input."""

    def __init__(self, shape: SlotShape) -> None:
        super().__init__()
        self.shape = shape
        self.runs: list[tuple[int, int, int]] = []  # images, height and width of each time that it runs
        # In a list, so that it is no part of the network and is not counted.
        self._native = [] if shape.keeps_size else [_float_native(shape)]

    def forward(self, features: Tensor) -> Tensor:
        *images, _, height, width = features.shape  # one by itself may come without a dimension for images
        self.runs.append((math.prod(images), height, width))
        for native in self._native:
            result: Tensor = native(features)
            return result
        stride = self.shape.stride
        out = (-(-height // stride), -(-width // stride))
        return features.new_zeros((*images, self.shape.out_channels, *out))


def _float_native(shape: SlotShape) -> nn.Module:
    return Operation.of(shape.native).build(shape, QuantizedLayers(Quantizer.of("none"), FLOAT))


@dataclass(frozen=True)
class SpaceCount:
    """What every candidate of every slot would run, beside what is fixed.

    Attributes:
        rest: What lies outside the slots.
        slots: Slot path to each of its candidates.
        leaders: For each slot the number of the first one that it shares its choice with.
    """

    rest: Part
    slots: dict[str, list[Part]]
    leaders: Sequence[int]

    def table(self, cost: Cost) -> "CostTable":
        """The count priced by ``cost``."""
        fixed = cost.of_rest(self.rest)
        rows = [[cost.of_candidate(candidate) for candidate in candidates] for candidates in self.slots.values()]
        width = max(map(len, rows), default=0)
        padded = [row + [0] * (width - len(row)) for row in rows]
        shared: dict[int, list[list[int]]] = {}
        for leader, row in zip(self.leaders, rows, strict=True):
            shared.setdefault(leader, []).append(row)
        choices = [[sum(prices) for prices in zip(*of, strict=True)] for of in shared.values()]
        lowest = fixed + sum(map(min, choices))
        highest = fixed + sum(map(max, choices))
        return CostTable(fixed, torch.tensor(padded, dtype=torch.float64), lowest, highest)


@dataclass(frozen=True)
class CostTable:
    """Prices of a space.

    Attributes:
        fixed: Cost of what is outside the slots.
        slots: (slots, candidates) cost of each candidate, 0 where a slot has fewer.
        lowest: Cost of the cheapest network of the space.
        highest: Cost of the dearest.
    """

    fixed: int
    slots: Tensor
    lowest: int
    highest: int

    def to(self, device: torch.device) -> "CostTable":
        """The table on ``device``, in float32 on MPS, which has no float64."""
        dtype = torch.float32 if device.type == "mps" else torch.float64
        return replace(self, slots=self.slots.to(device, dtype))

    def expected(self, probabilities: Tensor) -> Tensor:
        """The expected cost, in float64 so that at one-hot probabilities it is exact.

        Args:
            probabilities: (slots, candidates).
        """
        return self.fixed + (probabilities.to(self.slots) * self.slots).sum()


def count_space(space: Space, scale: int, quantizer: Quantizer, size: tuple[int, int] = LR_SIZE) -> SpaceCount:
    """Count every candidate of every slot, quantized by ``quantizer``, on an LR image of ``size``.

    Raises:
        QnasError: The network never runs one of its slots.
    """
    options = slot_candidates(space, scale)
    return _count(space, scale, quantizer, size, tuple((path, tuple(of)) for path, of in options.items()))


@once_a_space
def _count(
    space: Space,
    scale: int,
    quantizer: Quantizer,
    size: tuple[int, int],
    options: tuple[tuple[str, tuple[Candidate, ...]], ...],
) -> SpaceCount:
    probes: dict[str, _Probe] = {}

    def probe_for(path: str, shape: SlotShape) -> nn.Module:
        probes[path] = _Probe(shape)
        return probes[path]

    # Many slots are alike, so each candidate is counted once for all of them.
    @functools.cache
    def count(candidate: Candidate, shape: SlotShape, run: tuple[int, int, int]) -> Part:
        images, height, width = run
        once = part_of(candidate.fill(shape, quantizer), shape.in_channels, (height, width))
        return replace(once, convolutions=[replace(c, images=c.images * images) for c in once.convolutions])

    def count_runs(candidate: Candidate, path: str) -> Part:
        probe = probes[path]
        if not probe.runs:
            raise QnasError(f"the network never runs its slot '{path}'")
        first, *others = [count(candidate, probe.shape, run) for run in probe.runs]
        again = [replace(c, repeated=True) for run in others for c in run.convolutions]
        return replace(first, convolutions=[*first.convolutions, *again])

    with shapes_only(space, scale):
        rest = part_of(fill(open_network(space, scale), probe_for), 3, size)
        slots = {path: [count_runs(candidate, path) for candidate in candidates] for path, candidates in options}
    return SpaceCount(rest, slots, leaders(space, dict(options)))
