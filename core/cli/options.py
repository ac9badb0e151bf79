"""Options and arguments that several commands share."""

from pathlib import Path

import click


def _refuse_code(context: click.Context, _: click.Parameter, is_given: bool) -> None:
    if is_given:
        from qnas.core.registry import no_foreign_code

        context.with_resource(no_foreign_code())


def _tell_more(context: click.Context, _: click.Parameter, is_given: bool) -> None:
    if is_given:
        from qnas.core.cli.terminal.verbosity import verbose

        context.with_resource(verbose())


spec_argument = click.argument("spec", type=click.Path(path_type=Path))
set_option = click.option(
    "--set",
    "overrides",
    metavar="KEY=VALUE",
    multiple=True,
    help="Override a field, such as --set search.steps=50. Can be given several times.",
)
run_argument = click.argument("run", type=click.Path(path_type=Path))
device_option = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    default="auto",
    help="Where to compute; auto takes cuda, then mps, then cpu [default: auto].",
)
tile_option = click.option(
    "--tile",
    metavar="PIXELS",
    type=click.IntRange(min=0),
    help="Enlarge in tiles of so many LR pixels a side, 0 for whole. On a CPU the result is the same to the bit; to"
    " float rounding where the network looks at all of an image, which takes several passes over the tiles [default:"
    " at most 256 for images of more than 512 x 512 or that take more than 1 GB, if the network can].",
)
freeze_option = click.option(
    "--freeze",
    is_flag=True,
    help="Put their means in training in place of what ADQ, AdaDM and IMDN's attention measure over each whole image:"
    " then tiles take one pass instead of several, and what the network makes is a little different.",
)
no_code_option = click.option(
    "--no-code",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_refuse_code,
    help="For files of strangers: import no code but qnas's own. What names any (the space 'module') is refused, and"
    " installed plugins are left out.",
)
verbose_option = click.option(
    "-v",
    "--verbose",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_tell_more,
    help="Tell more on standard error: what happens, what libraries warn of, and the traceback of what ends a run.",
)
