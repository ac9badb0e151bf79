"""``qnas check``: validates a spec and shows what it will do."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from qnas.core.cli.options import no_code_option, plugin_option, set_option, spec_argument, verbose_option

if TYPE_CHECKING:
    from qnas.core.spec import Spec


_TRIED = 3  # images of a data set that can't say how large its images are


@click.command()
@spec_argument
@set_option
@click.option(
    "--sensitivity",
    is_flag=True,
    help="Also measure which slots matter most: by how much PSNR falls if one slot of a network with float weights has"
    " another operation or fewer bits, calibrated, not trained. It shows its progress, and writes no run.",
)
@plugin_option
@no_code_option
@verbose_option
def check(spec: Path, overrides: tuple[str, ...], sensitivity: bool) -> None:
    """Validate SPEC and show what it will do: a drawing of its space, costs, images, time and memory."""
    from qnas.core.run.images import check_images
    from qnas.core.run.sensitivity import refuse_unmeasurable
    from qnas.core.run.teachers import refuse_unfit_teachers
    from qnas.core.settings import as_of
    from qnas.core.spec import read_spec

    file = read_spec(spec, overrides)
    checked = file.spec
    with file.locate_errors(), as_of(checked.version):
        counts = check_images(
            checked.data, checked.scale, checked.seed, _TRIED, checked.space, largest_patch=checked.largest_patch
        )
        refuse_unfit_teachers(checked)
        if sensitivity:
            refuse_unmeasurable(checked)
        _describe(checked, counts)
        if sensitivity:
            _measure(checked)


def _describe(spec: "Spec", counts: dict[str, int]) -> None:
    from qnas.core.cli.terminal.console import Terminal
    from qnas.core.cli.terminal.space_view import print_space, view_space
    from qnas.core.drawing.wording import duration, quantity
    from qnas.core.network import guard
    from qnas.core.run.costs import StatedCost
    from qnas.core.run.estimate import estimate
    from qnas.core.training.machine import Machine

    console = Terminal()
    print_space(console, view_space(spec.space, spec.scale, spec.quantizer.train, spec.counted_costs), spec.name)
    if spec.space.weights_from:
        console.print(f"weights: from {spec.space.weights_from}", soft_wrap=True)
    images = f"images: {', '.join(f'{name} {number}' for name, number in counts.items())}"
    if (crop := spec.data.crop) is not None:
        images += f"; those of train are cut into crops of {crop.size} x {crop.size}, one every {crop.stride} pixels"
    console.print_prose(images)
    if spec.limits:
        costs = {name: StatedCost.of(name, spec.counted_costs[name]) for name in spec.limits}
        console.print(f"limits: {', '.join(costs[name].words(limit) for name, limit in spec.limits.items())}")
    with guard(spec.space):
        for notice in [*spec.foresee_export(), *spec.limit_notices()]:
            console.print_prose(notice)
        expected = estimate(spec, Machine.choose(spec.device, spec.precision))
    times = {"search": expected.search_seconds, "training": expected.train_seconds}
    if spec.baselines:
        times["training of baselines"] = expected.baselines_seconds
    console.print_prose(
        f"on {expected.device}: {', '.join(f'{what} about {duration(seconds)}' for what, seconds in times.items())},"
        f" memory about {quantity(expected.memory_bytes, 'B')}; not counting validation and evaluation"
    )


def _measure(spec: "Spec") -> None:
    from qnas.core.cli.terminal.console import Terminal
    from qnas.core.cli.terminal.progress import show_counts
    from qnas.core.cli.terminal.sensitivity_table import print_sensitivity
    from qnas.core.run.sensitivity import measure_sensitivity

    with show_counts("sensitivity:") as report:
        measured = measure_sensitivity(spec, report)
    print_sensitivity(Terminal(), measured)
