"""``qnas export``: the found network of a run, as a file for a runtime."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qnas.core.cli.options import (
    freeze_option,
    no_code_option,
    run_argument,
    target_fields_option,
    target_option,
    verbose_option,
)
from qnas.core.drawing.wording import signed

if TYPE_CHECKING:
    from qnas.core.components import Target


def _size(_: click.Context, __: click.Parameter, text: str | None) -> str | None:
    if text is not None:
        from qnas.core.settings.lr_sizes import lr_size

        lr_size(text, scale=1)  # what is no size is refused before anything is loaded
    return text


@click.command()
@run_argument
@target_option
@target_fields_option
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file to write [default: RUN/export/NAME, with the target's suffix].",
)
@click.option(
    "--size",
    metavar="HxW",
    callback=_size,
    help="Height and width of the LR images that the file takes, or the frame that they become, such as 720p"
    " [default: what the run's spec says of the target, else any].",
)
@click.option("--dynamic", is_flag=True, help="Take LR images of any size, whatever the spec says.")
@freeze_option
@click.option(
    "--data",
    "places",
    metavar="[NAME=]FOLDER",
    multiple=True,
    help="Images to compare on, as for qnas evaluate [default: the run's test sets]. Can be repeated.",
)
@click.option("--force", is_flag=True, help="Replace an existing file.")
@no_code_option
@verbose_option
def export(
    run: Path,
    names: Sequence[str],
    fields: Sequence[str],
    out: Path | None,
    size: str | None,
    dynamic: bool,
    freeze: bool,
    places: Sequence[str],
    force: bool,
) -> None:
    """Write the network that RUN found as a file for a runtime, and verify that it gives the same images.

    RUN is the folder of a run, or the name of a model (qnas list models): of a model, a copy is made in the current
    folder, which the file goes to.

    The file is run in its runtime on the run's test sets, and its images are compared with the network's, value by
    value. Only a file that passes gets its name; NAME.json beside it says what was compared, with which versions and
    settings. A file takes (1, 3, H, W), RGB in 0..1, and returns (1, 3, H x scale, W x scale).
    """
    import torch

    from qnas.core.cli.datasets import named_sets
    from qnas.core.cli.targets import named_targets, refuse_other_sizes
    from qnas.core.cli.terminal.console import Terminal
    from qnas.core.cli.terminal.export_table import export_table
    from qnas.core.cli.terminal.progress import show_counts
    from qnas.core.run.deployment.export import export_found, planned, sets_to_compare
    from qnas.core.run.deployment.found import load_found
    from qnas.core.run.deployment.models import brought_here

    if dynamic and size is not None:
        raise click.UsageError("--dynamic and --size exclude each other")
    if out is not None and len(names) > 1:
        raise click.UsageError("-o names one file: leave it out, or give one --target only")
    option = "--dynamic" if dynamic else f"--size {size}" if size is not None else ""
    if option:
        refuse_other_sizes(fields, option, [size])
    named_targets(names, fields)  # what is wrong with them is refused before anything is loaded
    found = load_found(run, torch.device("cpu"))
    targets = named_targets(names, fields, found.run)
    if option:
        targets = [target.sized(size) for target in targets]
    files = planned(run, targets, found.scale, found.run.between, out, force=force)
    sets = sets_to_compare(found.run, named_sets(places) if places else None)
    if out is None:
        brought_here(run)
    with show_counts("compare") as report:
        exported = export_found(found.network, found.scale, files, sets, freeze=freeze, report=report)
        known = {target.registered_name(): facts for target, facts in exported}
    Terminal().print(export_table(known))
    for target, path in files.items():
        click.echo(f"see {path}{_caveat(target)}")
    if freeze and not any(facts["frozen"] for facts in known.values()):
        click.echo("--freeze changes nothing: the network measures nothing over whole images")
    elif freeze and not places:  # otherwise other images than the run's are scored
        _say_cost(known, found.run.result)


def _caveat(target: "Target") -> str:
    return f" ({target.proof}: run by {target.checked_in}, not by what it is for)" if target.checked_in else ""


def _say_cost(known: Mapping[str, Mapping[str, Any]], result: Mapping[str, Any]) -> None:
    """Print what freezing changed in the scores of the run, unless all files take parts of its images only."""
    whole = [facts for facts in known.values() if facts["size"] is None]
    for name, psnr in whole[0]["parity"]["psnr_y"].items() if whole else ():
        change = psnr["network"] - result["test"][name]["psnr_y"]
        click.echo(f"--freeze changes the PSNR on {name} by {signed(change, 3)} dB")
