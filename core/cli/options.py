"""Options and arguments that several commands share."""

from pathlib import Path

import click

from qnas.core.deploy.timing import MOST


def _refuse_code(context: click.Context, _: click.Parameter, is_given: bool) -> None:
    if is_given:
        from qnas.core.registry import no_foreign_code

        context.with_resource(no_foreign_code())


def _load_plugins(context: click.Context, _: click.Parameter, files: tuple[Path, ...]) -> tuple[Path, ...]:
    if files:
        from qnas.core.registry import with_plugin_file

        for file in files:
            context.with_resource(with_plugin_file(str(file)))
    return files


def _be_verbose(context: click.Context, _: click.Parameter, is_given: bool) -> None:
    if is_given:
        from qnas.core.cli.terminal.verbosity import verbose

        context.with_resource(verbose())


spec_argument = click.argument("spec", type=click.Path(path_type=Path))
set_option = click.option(
    "--set",
    "overrides",
    metavar="KEY=VALUE",
    multiple=True,
    help="Override a field, such as --set search.steps=50. Can be repeated.",
)
plugin_option = click.option(
    "--plugin",
    "plugins",
    metavar="FILE",
    type=click.Path(path_type=Path),
    multiple=True,
    callback=_load_plugins,
    expose_value=False,
    help="A Python file that is a plugin, as if the spec named it in plugins. Can be repeated.",
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
    help="Side of the tiles to enlarge in, in LR pixels; 0 for the whole image at once. On a CPU the result is the same"
    " to the bit, or up to float rounding if the network measures the whole image, which takes several passes over the"
    " tiles [default: at most 256, for images that are larger than 512 x 512 or need more than 1 GB].",
)
freeze_option = click.option(
    "--freeze",
    is_flag=True,
    help="Replace what ADQ, AdaDM and IMDN's attention measure over each whole image by its mean in training. Tiles"
    " then take one pass instead of several, and the images differ slightly.",
)
target_option = click.option(
    "--target",
    "names",
    metavar="NAME",
    multiple=True,
    required=True,
    help="The runtime; qnas list targets shows which there are. Can be repeated.",
)
target_fields_option = click.option(
    "--set",
    "fields",
    metavar="NAME.FIELD=VALUE",
    multiple=True,
    help="Set a field of a target, such as --set onnxruntime.int4=true; qnas show target NAME names them. Can be"
    " repeated.",
)
timing_rounds_option = click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=MOST,
    show_default=True,
    help="How many times each network is timed at most; fewer are enough if the times hardly differ.",
)
no_code_option = click.option(
    "--no-code",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_refuse_code,
    help="For files from strangers: import no code but qnas's own. Specs that name other code (the space 'module',"
    " files in plugins) are refused, and installed plugins are not loaded.",
)
verbose_option = click.option(
    "-v",
    "--verbose",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_be_verbose,
    help="Print more on standard error: what happens, warnings of libraries, and the traceback if a run fails.",
)
