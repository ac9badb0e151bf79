"""``qnas upscale``: images enlarged by the found network of a run."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from qnas.core.drawing.wording import plural

if TYPE_CHECKING:
    from qnas.core.training.machine import Device
    from qnas.core.upscale.tiles import Upscaler


@click.command()
@run_argument
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder for the results [default: beside each image; for FOLDER, FOLDER_x4].",
)
@click.option("--force", is_flag=True, help="Replace existing results.")
@click.option(
    "--target",
    metavar="NAME",
    help="Enlarge with the file that qnas export wrote for this target, in its runtime on the CPU, each image whole.",
)
@tile_option
@freeze_option
@device_option
@no_code_option
@verbose_option
def upscale(
    run: Path,
    images: Sequence[Path],
    out: Path | None,
    force: bool,
    target: str | None,
    tile: int | None,
    freeze: bool,
    device: "Device",
) -> None:
    """Enlarge IMAGEs, or all images in folders, with the network that RUN found.

    RUN is the folder of a run, or the name of a model (qnas list models).

    NAME.jpg becomes NAME_x4.png (at scale 4). EXIF orientation is applied, gray images stay gray, transparency is
    enlarged by bicubic interpolation, and the colour profile is kept. An image that can't be read does not stop the
    others.
    """
    from qnas.core.cli.batch import Failures
    from qnas.core.cli.terminal.progress import show_count
    from qnas.core.cli.upscaling import load_exported, load_upscaler

    if target is None:
        found, upscaler = load_upscaler(run, device, tile, freeze)
        scale = found.scale
    elif freeze or tile is not None or device != "auto":
        raise click.UsageError("--target uses the file as it is: leave out --tile, --freeze and --device")
    else:
        scale, upscaler = load_exported(run, target)
    results = _planned(images, out, scale)
    _refuse_existing(results, force)
    failures = Failures()
    with show_count("upscale", len(results)) as show:
        for index, (image, result) in enumerate(results.items()):
            with failures.noted(str(image)):
                _enlarge(image, result, partial(_show_share, show, index), upscaler)
            show(index + 1)
    done = len(results) - len(failures.reasons)
    if done:
        folders = " and ".join(sorted({str(result.parent) for result in results.values()}))
        click.echo(f"{plural(done, 'image')} written to {folders}")
    failures.refuse("not enlarged", len(results))


def _planned(paths: Sequence[Path], out: Path | None, scale: int) -> dict[Path, Path]:
    """Every image, and where its result goes.

    Raises:
        InputError: A path is not there, or two images would have one result.
    """
    from qnas.core.errors import InputError

    results: dict[Path, Path] = {}
    images: dict[Path, Path] = {}
    for path in paths:
        for image, folder in _images(path, scale):
            result = (out or folder) / f"{image.stem}_x{scale}.png"
            other = images.setdefault(result.resolve(), image)
            if other != image:
                raise InputError(f"would become {result}, as {other} does: enlarge one at a time, with -o", str(image))
            results[image] = result
    return results


def _images(path: Path, scale: int) -> Iterator[tuple[Path, Path]]:
    """The images that a path stands for, each with the folder that its result goes to by default."""
    from qnas.core.errors import InputError
    from qnas.core.images.image_file import SUFFIXES

    if not path.is_dir():
        if not path.exists():
            raise InputError("there is no such image or folder", str(path))
        yield path, path.parent
        return
    files = [f for f in sorted(path.iterdir()) if f.suffix.lower() in SUFFIXES and f.name[0] != "." and f.is_file()]
    if not files:
        raise InputError(f"no images in the folder (looked for {', '.join(SUFFIXES)})", str(path))
    name = path if path.name.strip(".") else path.resolve()
    for file in files:
        yield file, name.with_name(f"{name.name}_x{scale}")


def _refuse_existing(results: Mapping[Path, Path], force: bool) -> None:
    """Refuse to write over images that are to be enlarged, and without ``force`` over any.

    Raises:
        InputError: It names the first.
    """
    from qnas.core.errors import InputError

    images = {image.resolve() for image in results}
    for image, result in results.items():
        if result.resolve() in images:
            raise InputError(f"is to be enlarged, and would be the result of {image}: name a folder by -o", str(result))
    there = [result for result in results.values() if os.path.exists(result)]  # noqa: PTH110 - of any length
    if there and not force:
        more = f", and {len(there) - 1} more are" if len(there) > 1 else ""
        raise InputError(f"is there already{more}: name a folder by -o, or replace by --force", str(there[0]))


def _enlarge(image: Path, result: Path, report: Callable[[float], object], upscaler: "Upscaler") -> None:
    from qnas.core.images.picture import read_picture, write_png
    from qnas.core.upscale.unfit import enlarging

    picture = read_picture(image)
    with enlarging(picture.pixels, upscaler):
        enlarged = picture.enlarged(partial(upscaler, report=report))
    write_png(enlarged, result)


def _show_share(show: Callable[[float], object], done: int, share: float) -> None:
    show(done + share)
