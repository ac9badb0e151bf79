"""``qnas evaluate``: the found network of a run, scored on other images."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qnas.core.cli.options import (
    device_option,
    freeze_option,
    no_code_option,
    run_argument,
    tile_option,
    verbose_option,
)

if TYPE_CHECKING:
    from qnas.core.cli.batch import Failures
    from qnas.core.components import ImageSource
    from qnas.core.run.deployment.found import FoundNetwork
    from qnas.core.training.machine import Device
    from qnas.core.upscale.scoring import Judged
    from qnas.core.upscale.tiles import Upscaler

_ENLARGING = 0.9  # share of the time that an image takes


@click.command()
@run_argument
@click.option(
    "--data",
    "places",
    metavar="[NAME=]FOLDER",
    multiple=True,
    required=True,
    help="A test set: a folder of HR images, with or without LR images beside it, or a file made by qnas data pack. The"
    " results call it by the folder's name, or by NAME. Can be repeated.",
)
@click.option("--images", "each", is_flag=True, help="Show the scores of every image too.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write all scores to a JSON file.")
@tile_option
@freeze_option
@device_option
@no_code_option
@verbose_option
def evaluate(
    run: Path, places: Sequence[str], each: bool, out: Path | None, tile: int | None, freeze: bool, device: "Device"
) -> None:
    """Score the network that RUN found on other test sets: PSNR and SSIM, with bicubic enlargement for comparison.

    RUN is the folder of a run, or the name of a model (qnas list models).

    At scale 1, the degraded input takes the place of bicubic enlargement. Scores are for Y (BT.601) and RGB, without a
    border of as many pixels as the scale. RUN is not changed. An image that can't be scored does not stop the others:
    it is named at the end and left out of the means.
    """
    from qnas.core.cli.batch import Failures
    from qnas.core.cli.datasets import named_sets
    from qnas.core.cli.terminal.console import Terminal
    from qnas.core.cli.terminal.scores_table import scores_table
    from qnas.core.cli.upscaling import load_upscaler

    _refuse_inside(run, out)
    datasets = named_sets(places)
    found, upscaler = load_upscaler(run, device, tile, freeze)
    sources = {name: dataset.sources([found.scale]) for name, dataset in datasets.items()}
    failures = Failures()
    judged = _judge(sources, found, upscaler, failures)
    if out is not None:
        scores = {"test": judged.means, "images": judged.images, "not_judged": failures.reasons}
        _write(out, {"run": str(run), "frozen": freeze, **scores})
    console = Terminal()
    for name in judged.images if each else ():
        console.print(scores_table(judged.images[name], found.scale, title=name), "")
    if judged.means:
        console.print(scores_table(judged.means, found.scale))
    failures.refuse("not scored, and left out of the means", sum(map(len, sources.values())))


def _judge(
    sources: "Mapping[str, Sequence[ImageSource]]", found: "FoundNetwork", upscaler: "Upscaler", failures: "Failures"
) -> "Judged":
    """The scores of all images that can be scored; each is read when its turn comes."""
    from qnas.core.cli.terminal.progress import show_count
    from qnas.core.images.pairs import pair
    from qnas.core.images.size_rules import refuse_unjudgeable
    from qnas.core.upscale.scoring import Judged
    from qnas.core.upscale.unfit import enlarging

    judged = Judged()
    every = [(name, source) for name, of in sources.items() for source in of]
    with show_count("evaluate", len(every)) as show:
        for done, (name, source) in enumerate(every):
            with failures.noted(f"{name}/{source.name}"):
                image = pair(source.read(found.scale), found.scale, found.degradation)
                refuse_unjudgeable(image.sizes)
                with enlarging(image.lr, upscaler):
                    enlarged = upscaler(image.lr, partial(_show_share, show, done))
                judged.add(name, image, enlarged, found.scale)
            show(done + 1)
    return judged


def _show_share(show: Callable[[float], object], done: int, share: float) -> None:
    show(done + _ENLARGING * share)


def _refuse_inside(run: Path, out: Path | None) -> None:
    from qnas.core.errors import InputError

    if out is not None and out.resolve().is_relative_to(run.resolve()):
        raise InputError("is inside the run's folder, which holds its own results: choose another", f"--out {out}")


def _write(path: Path, scores: dict[str, object]) -> None:
    from qnas.core.files.folder import RunFolder

    RunFolder(path.parent).write_json(path.name, scores)
