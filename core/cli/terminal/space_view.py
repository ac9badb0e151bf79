"""A space as ``qnas show`` and ``qnas check`` show it: its network, its candidates, their number and cost."""

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.text import Text

from qnas.core.cli.terminal.candidate_sets import CandidateSets
from qnas.core.cli.terminal.drawing import SlotRow, print_drawing, print_line
from qnas.core.components import ConvolutionShape, Cost, Quantizer, SlotShape, Space
from qnas.core.drawing.slot_graph import SlotGraph, trace
from qnas.core.drawing.wording import bitops, float_work, plural, quantity
from qnas.core.errors import as_input_error
from qnas.core.network import (
    LR_SIZE,
    Candidate,
    CostTable,
    FloatWork,
    count_found,
    count_networks,
    count_space,
    find_shapes,
    float_work_of,
    originals,
    slot_candidates,
)
from qnas.core.network.shapes import found_for_shapes, needs_values, shapes_only

_HD = (720, 1280)


@dataclass(frozen=True)
class SpaceView:
    """What there is to say of a space at a scale.

    Attributes:
        space: The space.
        scale: The factor that its networks enlarge by.
        shapes: Slot path to its shape.
        candidates: Slot path to what may fill it.
        flow: Which slot feeds which.
        bitops: What every choice costs on an LR image of ``LR_SIZE``.
        native: The convolutions of the original network on such an image; empty if it is none of the space.
        float_work: What a network of first candidates computes in float on an image of ``LR_SIZE``.
        hd_macs: What the original network multiplies for an output of about 1280 x 720; None if it can't make one.
    """

    space: Space
    scale: int
    shapes: Mapping[str, SlotShape]
    candidates: Mapping[str, Sequence[Candidate]]
    flow: SlotGraph
    bitops: CostTable
    native: Sequence[ConvolutionShape]
    float_work: FloatWork
    hd_macs: int | None

    @property
    def architectures(self) -> int:
        """How many networks the space has."""
        return count_networks(self.space, self.candidates)


def view_space(space: Space, scale: int, quantizer: Quantizer) -> SpaceView:
    """The view of ``space``, whose found network ``quantizer`` quantizes.

    Raises:
        InputError: The space can't do the scale, or its rules or candidates don't fit its slots.
            Or its network can't be built, or does not run.
    """
    with as_input_error(f"the network of '{space.known_as}' does not run at scale {scale}"):
        return _view(space, scale, quantizer)


def _view(space: Space, scale: int, quantizer: Quantizer) -> SpaceView:
    candidates = slot_candidates(space, scale)
    first = {path: options[0] for path, options in candidates.items()}
    shapes = find_shapes(space, scale)
    with shapes_only(space, scale):
        flow = trace(found_for_shapes(space, scale, first, Quantizer.of("none")), shapes)
    return SpaceView(
        space,
        scale,
        shapes,
        candidates,
        flow=flow,
        bitops=count_space(space, scale, quantizer).table(Cost.of("bitops")),
        native=_native(space, scale, shapes, LR_SIZE),
        float_work=float_work_of(space, scale, first, quantizer, LR_SIZE),
        hd_macs=_hd_macs(space, scale, shapes),
    )


def _native(space: Space, scale: int, shapes: Mapping[str, SlotShape], size: tuple[int, int]) -> list[ConvolutionShape]:
    """The convolutions of the original network, none if a slot can't hold its original operation."""
    chosen = originals(shapes)
    return count_found(space, scale, chosen, Quantizer.of("none"), size) if chosen else []


def _hd_size(scale: int) -> tuple[int, int]:
    """Of the LR image whose enlargement the literature counts by."""
    return round(_HD[0] / scale), round(_HD[1] / scale)


def _hd_macs(space: Space, scale: int, shapes: Mapping[str, SlotShape]) -> int | None:
    if needs_values(space, scale):  # then an image of that size takes long
        return None
    try:
        return _sum("macs", _native(space, scale, shapes, _hd_size(scale)))
    except Exception:  # a stranger's network may not take every size
        return None


def _sum(cost: str, convolutions: Sequence[ConvolutionShape]) -> int:
    return sum(map(Cost.of(cost).of_convolution, convolutions))


def print_space(console: Console, view: SpaceView, name: str) -> None:
    """Print the view, as that of ``name``."""
    sets = CandidateSets(view.candidates)
    print_drawing(console, view.flow, {path: _row(view, sets, path) for path in view.shapes})
    for remark in _remarks(view):
        print_line(console, Text(remark, "dim"))
    console.print()
    if sets.legend:
        _print_legend(console, sets)
        console.print()
    for line in [*view.space.notices(view.scale), *_figures(view, name)]:
        console.print(line, soft_wrap=True)


def _row(view: SpaceView, sets: CandidateSets, path: str) -> SlotRow:
    kernels = [_kernel(c) for c in view.native if c.path.startswith(f"{path}.") and not c.repeated]
    label = sets.labels[path]
    return SlotRow(view.shapes[path], ", ".join(kernels), label, sets.colours.get(label, ""))


def _kernel(convolution: ConvolutionShape) -> str:
    """Such as ``3x3``, with ``g2`` for two groups."""
    groups = f"g{convolution.groups}" if convolution.groups > 1 else ""
    return "x".join(map(str, convolution.kernel_size)) + groups


def _remarks(view: SpaceView) -> list[str]:
    """What the drawing does not say of itself."""
    fixed = any(len(options) == 1 for options in view.candidates.values())
    beside = view.flow.essential() != view.flow.edges
    return [
        *["○ has one candidate: nothing is searched there."] * fixed,
        *[f"Slots of one name in {part} share one choice." for part in view.space.shared],
        *["Connections beside a longer way, such as residuals, are not drawn."] * beside,
    ]


def _print_legend(console: Console, sets: CandidateSets) -> None:
    indent = max(map(len, sets.legend)) + 2
    for letter, words in sets.legend.items():
        lines = textwrap.wrap(words, console.width - indent, break_long_words=False, break_on_hyphens=False)
        text = f"\n{' ' * indent}".join(lines)
        console.print(Text.assemble((letter.ljust(indent), sets.colours.get(letter, "")), text), soft_wrap=True)


def _figures(view: SpaceView, name: str) -> list[str]:
    slots, networks = plural(len(view.shapes), "slot"), plural(view.architectures, "architecture")
    roles = Counter(shape.role for shape in view.shapes.values())
    costs = dict.fromkeys(map(bitops, (view.bitops.lowest, view.bitops.highest)))
    lines = [
        f"{name}: {slots}, {networks}, scale {view.scale}",
        f"roles: {', '.join(f'{role} {number}' for role, number in roles.items()) or 'none'}",
        f"BitOps at {LR_SIZE[1]} x {LR_SIZE[0]} LR: {' to '.join(costs)}",
        f"in float beside: {float_work(asdict(view.float_work))}",
    ]
    if view.native:
        lines.append(f"native network: {quantity(_sum('params', view.native))} parameters{_told_macs(view)}")
    return lines


def _told_macs(view: SpaceView) -> str:
    lr_height, lr_width = _hd_size(view.scale)
    if needs_values(view.space, view.scale):
        return ""
    if view.hd_macs is None:
        return f"; it takes no LR image of {lr_width} x {lr_height}"
    height, width = lr_height * view.scale, lr_width * view.scale
    return f", {quantity(view.hd_macs, 'MACs')} for an output of {width} x {height}"
