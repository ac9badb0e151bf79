"""A space as ``qnas show`` and ``qnas check`` show it: its network, its candidates, their number and cost."""

import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.text import Text

from qnas.core.cli.terminal.candidate_sets import CandidateSets
from qnas.core.cli.terminal.drawing import SlotRow, print_drawing, print_line
from qnas.core.components import ConvolutionShape, Cost, Quantizer, SlotShape, Space, costs_with
from qnas.core.drawing.slot_graph import SlotGraph
from qnas.core.drawing.tracing import trace
from qnas.core.drawing.wording import amount, float_work, plural, quantity
from qnas.core.errors import as_input_error
from qnas.core.network import (
    LR_SIZE,
    Candidate,
    CostTable,
    FloatWork,
    NetworkCount,
    count_choices,
    count_networks,
    count_space,
    find_shapes,
    float_work_of,
    originals,
    slot_candidates,
)
from qnas.core.network.shapes import found_for_shapes, needs_values, shapes_only
from qnas.core.run.costs import StatedCost
from qnas.core.settings.lr_sizes import lr_size

_HD = "720p"
"""The frame whose making the literature counts."""


@dataclass(frozen=True)
class SpaceView:
    """What there is to say of a space at a scale.

    Attributes:
        space: The space.
        scale: The factor that its networks enlarge by.
        shapes: Slot path to its shape.
        candidates: Slot path to what may fill it.
        flow: Which slot feeds which.
        costs: What is counted, by name.
        tables: What every choice costs on an LR image of ``LR_SIZE``, by the cost's name.
        native: The original network on such an image; None if it is none of the space.
        float_work: What a network of first candidates computes in float on an image of ``LR_SIZE``.
        native_hd: The same for an output of about 1280 x 720; None if it can't make one.
    """

    space: Space
    scale: int
    shapes: Mapping[str, SlotShape]
    candidates: Mapping[str, Sequence[Candidate]]
    flow: SlotGraph
    costs: Mapping[str, Cost]
    tables: Mapping[str, CostTable]
    native: NetworkCount | None
    float_work: FloatWork
    native_hd: NetworkCount | None

    @property
    def architectures(self) -> int:
        """How many networks the space has."""
        return count_networks(self.space, self.candidates)


def view_space(space: Space, scale: int, quantizer: Quantizer, costs: Mapping[str, Cost] | None = None) -> SpaceView:
    """The view of ``space``, whose found network ``quantizer`` quantizes, priced by ``costs`` (by default, all).

    Raises:
        InputError: The space can't do the scale, or its rules or candidates don't fit its slots.
            Or its network can't be built, or does not run.
    """
    with as_input_error(f"the network of '{space.known_as}' does not run at scale {scale}"):
        return _view(space, scale, quantizer, costs_with() if costs is None else costs)


def _view(space: Space, scale: int, quantizer: Quantizer, costs: Mapping[str, Cost]) -> SpaceView:
    candidates = slot_candidates(space, scale)
    first = {path: options[0] for path, options in candidates.items()}
    shapes = find_shapes(space, scale)
    with shapes_only(space, scale):
        flow = trace(found_for_shapes(space, scale, first, Quantizer.of("none")), shapes)
    count = count_space(space, scale, quantizer)
    return SpaceView(
        space,
        scale,
        shapes,
        candidates,
        flow=flow,
        costs=costs,
        tables={name: count.table(cost) for name, cost in costs.items()},
        native=_native(space, scale, shapes, LR_SIZE),
        float_work=float_work_of(space, scale, first, quantizer, LR_SIZE),
        native_hd=_native_hd(space, scale, shapes),
    )


def _native(space: Space, scale: int, shapes: Mapping[str, SlotShape], size: tuple[int, int]) -> NetworkCount | None:
    """What the original network runs, None if a slot can't hold its original operation."""
    chosen = originals(shapes)
    return count_choices(space, scale, chosen, Quantizer.of("none"), size) if chosen else None


def _native_hd(space: Space, scale: int, shapes: Mapping[str, SlotShape]) -> NetworkCount | None:
    if needs_values(space, scale):  # then an image of that size takes long
        return None
    try:
        return _native(space, scale, shapes, lr_size(_HD, scale))
    except Exception:  # a third-party network may not take every size
        return None


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
    native = view.native.slots[path].convolutions if view.native else ()
    kernels = [_kernel(c) for c in native if not c.repeated]
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
    lines = [
        f"{name}: {slots}, {networks}, scale {view.scale}",
        f"slots by role: {', '.join(f'{role} {number}' for role, number in roles.items()) or 'none'}",
        *_costs(view),
        f"also in float: {float_work(asdict(view.float_work))}",
    ]
    if view.native:
        lines.append(f"native network: {_words(view, view.native, per_image=False)}{_at_hd(view)}")
    return lines


def _costs(view: SpaceView) -> Iterator[str]:
    """What the cheapest network of the space costs, and the dearest."""
    for name, cost in view.costs.items():
        stated, table = StatedCost.of(name, cost), view.tables[name]
        at = f" at {LR_SIZE[1]} x {LR_SIZE[0]} LR" * stated.per_image + f" ({cost.conditions})" * bool(cost.conditions)
        ends = dict.fromkeys(amount(of, stated.unit) for of in (table.lowest, table.highest))
        yield f"{stated.title}{at}: {' to '.join(ends)}"


def _words(view: SpaceView, native: NetworkCount, *, per_image: bool) -> str:
    """What the original network, which has no bit-widths, is known by: what does not depend on them."""
    known = [(StatedCost.of(n, c), native.total(c)) for n, c in view.costs.items() if not c.by_width]
    return ", ".join(
        quantity(value, cost.unit) + f" {cost.title}" * (not cost.unit)
        for cost, value in known
        if cost.per_image == per_image
    )


def _at_hd(view: SpaceView) -> str:
    lr_height, lr_width = lr_size(_HD, view.scale)
    if needs_values(view.space, view.scale):
        return ""
    if view.native_hd is None:
        return f"; it takes no LR image of {lr_width} x {lr_height}"
    height, width = lr_height * view.scale, lr_width * view.scale
    return f", {_words(view, view.native_hd, per_image=True)} for an output of {width} x {height}"
