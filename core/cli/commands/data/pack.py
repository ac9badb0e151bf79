"""``qnas data pack``: decodes images once, into one file."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qnas.core.cli.commands.data.options import jobs_option
from qnas.core.cli.terminal.say import say
from qnas.core.images.places import dataset_in

if TYPE_CHECKING:
    from qnas.core.components import Degradation
    from qnas.core.images.packing import Packing


@click.command()
@click.argument("folders", metavar="FOLDER...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.argument("out", metavar="OUT.h5", type=click.Path(path_type=Path))
@click.option(
    "--scale",
    "scales",
    type=click.IntRange(1, 16),
    multiple=True,
    default=(2, 3, 4),
    help="Of the LR images to put in; can be repeated [default: 2, 3 and 4].",
)
@click.option(
    "--degradation",
    metavar="NAME",
    default="matlab",
    help="The degradation that makes missing LR images (qnas list degradations) [default: matlab].",
)
@jobs_option
@click.option("--skip-bad", is_flag=True, help="Leave out images that can't be read, instead of giving up.")
@click.option("--force", is_flag=True, help="Replace OUT.h5 if it is there.")
def pack(
    folders: Sequence[Path],
    out: Path,
    scales: Sequence[int],
    degradation: str,
    jobs: int | None,
    skip_bad: bool,
    force: bool,
) -> None:
    """Decode the images of FOLDERs once, into one file that training reads patches from.

    LR images that lie beside the HR ones are taken as they are, others are made. What was done is kept in
    OUT.h5.partial until all is: after a kill, a full disk or a broken image the same command goes on. A pack in place
    of FOLDER is packed again, such as with other scales.
    """
    from qnas.core.files.exclusive import exclusive
    from qnas.core.images.packing import Packing
    from qnas.core.images.threads import processors

    _refuse(out, force)
    chosen = tuple(sorted(set(scales)))
    packing = Packing(dataset_in(*folders).sources(chosen), out, chosen, _degradation(degradation, chosen))
    packing.parts.mkdir(parents=True, exist_ok=True)
    with _going_on_told(packing), exclusive(packing.parts):
        _pack(packing, jobs or processors(), skip_bad)
    _tell(packing)


def _degradation(name: str, scales: Sequence[int]) -> "Degradation":
    from qnas.core.components import Degradation
    from qnas.core.images.pairs import refuse_unfit
    from qnas.core.registry import plugins

    plugins().registries["degradation"].load(name)  # an unknown one is refused in a line
    degradation = Degradation.of(name)
    for scale in scales:
        refuse_unfit(degradation, scale)
    return degradation


def _refuse(out: Path, force: bool) -> None:
    from qnas.core.errors import InputError

    if out.is_dir():
        raise InputError("is a folder: name the file to pack into last, such as images.h5", str(out))
    if out.exists() and not force:
        raise InputError("is there already: name another, or replace it with --force", str(out))


def _pack(packing: "Packing", jobs: int, skip_bad: bool) -> None:
    from qnas.core.cli.terminal.progress import show_count
    from qnas.core.errors import QnasError

    total = len(packing.sources)
    if done := packing.done():
        say(f"going on: {done} of {total} images are done already")
    with show_count("decode", total) as told:
        bad = packing.decode(jobs, told)
    for problem in bad.values():
        say(f"left out: {problem}" if skip_bad else problem)
    if len(bad) == total:
        raise QnasError(f"{packing.out}: none of the images can be packed")
    if bad and not skip_bad:
        why = f"{len(bad)} of {total} images can't be packed: mend or remove them, or leave them out with --skip-bad"
        raise QnasError(f"{packing.out}: {why} (the others are done, and are not decoded again)")
    with show_count("join", total) as told:
        packing.join(bad, told)


@contextlib.contextmanager
def _going_on_told(packing: "Packing") -> Iterator[None]:
    """Say that the same command goes on, when the disk is full or Ctrl-C is pressed; leave no empty folder."""
    from qnas.core.cli.exit_codes import INTERRUPTED
    from qnas.core.errors import InputError, QnasError, is_disk_full

    try:
        yield
    except KeyboardInterrupt as error:
        stopped = QnasError(f"interrupted: the same command goes on ({packing.done()} images are done)")
        stopped.exit_code = INTERRUPTED
        raise stopped from error
    except OSError as error:
        if not is_disk_full(error):
            raise
        why = f"the disk is full: free some space and give the same command again ({packing.done()} images are done)"
        raise InputError(why, str(packing.out)) from error
    finally:
        with contextlib.suppress(OSError):
            packing.parts.rmdir()  # if nothing is in it


def _tell(packing: "Packing") -> None:
    from qnas.core.drawing.wording import plural, quantity
    from qnas.core.images.pack import Pack

    pack = Pack(packing.out)
    given = [scale for scale in pack.scales if all(scale in source.lr for source in packing.sources)]
    made = [scale for scale in pack.scales if scale not in given]
    lr = [f"LR x{scale} as it came" for scale in given] + [f"LR x{scale} made ({pack.degradation})" for scale in made]
    size = quantity(packing.out.stat().st_size, "B")
    click.echo(f"{packing.out}: {plural(len(pack), 'image')}, {size}; {', '.join(lr)}")
    click.echo(f"to train on it: {{name: pack, path: {packing.out}}} for data.train")
