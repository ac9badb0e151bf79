"""``qnas check``: validates a spec and says what the run will be."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from qnas.core.cli.options import set_option, spec_argument

if TYPE_CHECKING:
    from qnas.core.spec import Spec


@click.command()
@spec_argument
@set_option
def check(spec: Path, overrides: tuple[str, ...]) -> None:
    """Validate SPEC, and say what the run will be: slots, candidates, BitOps, images, time and memory."""
    from qnas.core.engine.run_images import check_sets
    from qnas.core.spec import read_spec

    file = read_spec(spec, overrides)
    with file.locate_errors():
        counts = check_sets(file.spec.data)
        _describe(file.spec, counts)


def _describe(spec: "Spec", counts: dict[str, int]) -> None:
    import math

    from rich.console import Console

    from qnas.core.cli.format import bitops, count, duration, quantity
    from qnas.core.components import Cost
    from qnas.core.engine.device import choose_device
    from qnas.core.engine.estimate import estimate
    from qnas.core.network import count_space, slot_candidates

    console = Console(highlight=False, markup=False, soft_wrap=True)
    slots = slot_candidates(spec.space, spec.scale)
    table = count_space(spec.space, spec.scale, spec.quantizer.train).table(Cost.of("bitops"))
    for line in _slot_lines({path: [c.label for c in options] for path, options in slots.items()}):
        console.print(line, markup=False)
    number = math.prod(len(options) for options in slots.values())
    networks = f"{count(number)} architecture{'s' * (number > 1)}"
    expected = estimate(spec, choose_device(spec.device))
    console.print(f"{spec.name}: {len(slots)} slots, {networks}, scale {spec.scale}")
    console.print(f"BitOps at 32 x 32 LR: {bitops(table.lowest)} to {bitops(table.highest)}")
    console.print(f"images: {', '.join(f'{name} {number}' for name, number in counts.items())}")
    console.print(
        f"on {expected.device}: search about {duration(expected.search_seconds)}, training about"
        f" {duration(expected.train_seconds)}, memory about {quantity(expected.memory_bytes, 'B')};"
        " validation and evaluation come on top"
    )


def _slot_lines(slots: dict[str, list[str]]) -> list[str]:
    """One line a group of slots that have the same candidates, in the order of their first."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for path, labels in slots.items():
        groups.setdefault(tuple(labels), []).append(path)
    return [f"{', '.join(paths)}\n    {len(labels)}: {', '.join(labels)}" for labels, paths in groups.items()]
