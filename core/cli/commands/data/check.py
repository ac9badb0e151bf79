"""``qnas data check``: finds what is wrong with images before a night of training is lost."""

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qnas.core.cli.commands.data.options import jobs_option
from qnas.core.images.places import dataset_in

if TYPE_CHECKING:
    from rich.console import Console

    from qnas.core.images.checking.findings import Findings, Inspected

_FAILED = 1
_PIXELS = {"1": "black and white", "L": "gray", "LA": "gray + alpha", "P": "palette", "RGBA": "RGB + alpha"}


@click.command()
@click.argument("train", metavar="FOLDER_OR_PACK...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--test",
    "tests",
    metavar="FOLDER_OR_PACK",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Test images, which must not be among the others. Can be repeated.",
)
@click.option("--scale", type=click.IntRange(1, 16), default=4, show_default=True, help="Of the run.")
@click.option("--patch", type=click.IntRange(min=1), help="Of the run: reports images that are too small.")
@jobs_option
def check(train: Sequence[Path], tests: Sequence[Path], scale: int, patch: int | None, jobs: int | None) -> int:
    """Say what images there are, and what is wrong with them.

    Errors, with which the command fails: images that a run would refuse, as they can't be read or are too small; LR
    images that are not their HR image made small, but turned, shifted or of another image (degraded ones are not
    meant); test images among the training images. Worth a look, but no error: images that are there twice, or look the
    same (at most 8 of the 128 bits of their difference hashes differ), or are nearly flat (standard deviation of luma
    below 8 of 255).
    """
    from qnas.core.cli.terminal.console import Terminal
    from qnas.core.cli.terminal.progress import show_count
    from qnas.core.images.checking.findings import Findings, inspect
    from qnas.core.images.threads import processors

    paths = [*train, *tests]
    datasets = [dataset_in(path) for path in paths]
    counts = [dataset.count() for dataset in datasets]  # a wrong path shows at once
    starts = accumulate(counts, initial=0)
    with show_count("check", sum(counts)) as told:
        sets = [
            inspect(
                title, dataset, scale, is_test=index >= len(train), jobs=jobs or processors(), report=_from(start, told)
            )
            for index, (title, dataset, start) in enumerate(zip(_titles(paths), datasets, starts, strict=False))
        ]
    return _tell(Findings(sets, scale, patch), Terminal())


def _from(start: int, told: Callable[[int], None]) -> Callable[[int], None]:
    return lambda done: told(start + done)


def _titles(paths: Sequence[Path]) -> list[str]:
    names = [path.resolve().name for path in paths]
    return [name if names.count(name) == 1 else str(path) for name, path in zip(names, paths, strict=True)]


def _tell(findings: "Findings", console: "Console") -> int:
    from qnas.core.drawing.wording import plural

    _print_table(findings, console)
    errors, remarks = list(findings.errors()), list(findings.remarks())
    for kind, style, lines in (("error", "bold red", errors), ("remark", "yellow", remarks)):
        for line in lines:
            console.print(f"{kind}: ", style=style, end="")
            console.print(line, soft_wrap=True)
    console.print(f"{plural(len(errors), 'error')}, {plural(len(remarks), 'remark')}")
    return _FAILED if errors else 0


def _print_table(findings: "Findings", console: "Console") -> None:
    from rich.table import Table
    from rich.text import Text

    from qnas.core.visible import visible

    table = Table("set", box=None, pad_edge=False, header_style="bold")
    for column in ("images", "smallest", "largest", "patch"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("LR")
    table.add_column("pixels")
    for of in findings.sets:
        title = f"{of.title} (test)" if of.is_test else of.title
        table.add_row(Text(visible(title), overflow="fold"), *_described(of, findings.scale))
    console.print(table)
    console.print(f"patch: the largest data.patch that fits into all at scale {findings.scale}", style="dim")


def _described(of: "Inspected", scale: int) -> list[str]:
    total = len(of.images) + len(of.unreadable)
    if not of.images:
        return [str(total), *["-"] * 5]
    by_size = sorted(of.images, key=lambda image: image.height * image.width)
    narrowest = min(min(image.height, image.width) for image in of.images)
    lr = Counter(scale for image in of.images for scale in image.lr_scales)
    modes = Counter(_PIXELS.get(image.mode, image.mode) for image in of.images)
    return [
        str(total),
        *(f"{image.width}x{image.height}" for image in (by_size[0], by_size[-1])),
        str(narrowest // scale),
        ", ".join(f"x{scale}" for scale in sorted(lr)) or "none",
        ", ".join(f"{number} {mode}" for mode, number in modes.most_common()),
    ]
