"""``qnas profile``: how long each candidate of a space takes in a runtime."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from qnas.core.cli.options import (
    no_code_option,
    plugin_option,
    set_option,
    spec_argument,
    timing_rounds_option,
    verbose_option,
)
from qnas.core.errors import InputError
from qnas.core.settings.lr_sizes import FRAMES, lr_size

if TYPE_CHECKING:
    from qnas.core.components import Target
    from qnas.core.deploy.profiling.table import LatencyTable
    from qnas.core.spec import SpecFile

_READ = ("version", "name", "scale", "space", "quantizer", "target")
"""The fields of a spec that decide how fast its networks are: others may name a table that is yet to be made."""


def _size(_: click.Context, __: click.Parameter, text: str) -> str:
    lr_size(text, scale=1)  # what is no size is refused before anything is loaded
    return text


@click.command()
@spec_argument
@click.option(
    "--target",
    "name",
    metavar="NAME",
    help="The runtime; qnas list targets shows which there are [default: the spec's].",
)
@click.option(
    "--threads",
    metavar="N",
    type=click.IntRange(1, 999),
    default=1,
    show_default=True,
    help="How many threads the runtime may use.",
)
@click.option(
    "--size",
    metavar="SIZE",
    default="256x256",
    show_default=True,
    callback=_size,
    help="Size of the LR image as height x width, or the frame that it becomes: " + ", ".join(FRAMES) + ".",
)
@timing_rounds_option
@set_option
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The table. If it has a part of the measurements already, the others are added.",
)
@plugin_option
@no_code_option
@verbose_option
def profile(
    spec: Path, name: str | None, threads: int, size: str, rounds: int, overrides: tuple[str, ...], out: Path
) -> None:
    """Measure how long every candidate of SPEC's space takes in a runtime, for the cost 'latency'.

    Networks of the space are timed in the runtime as qnas bench does it, with other candidates in their slots each, so
    that every candidate stands, and fuses, where it would stand in a found network. Their times are divided into one
    constant, and what each candidate takes longer than the quickest of its slot. The table also has the median error of
    predictions for networks that were left out of the fit.

    It is written after every few networks: a command that was stopped goes on when it is given again.
    """
    from qnas.core.cli.terminal.console import Terminal
    from qnas.core.cli.terminal.progress import show_counts
    from qnas.core.deploy.profiling.measuring import profile as profiled
    from qnas.core.network import guard
    from qnas.core.settings import as_of

    file = _read(spec, overrides, name)
    read = file.spec
    with file.locate_errors(), as_of(read.version), guard(read.space):
        made = profiled(
            read.space,
            read.quantizer.train,
            _target(file),
            threads=threads,
            size=lr_size(size, read.scale),
            scale=read.scale,
            between=read.quantizer.between,
        )
        with show_counts("profile") as report:
            table = made.measure(out, rounds, lambda done, total: report(made.target.known_as, done, total))
    Terminal().print(_told(table, out), soft_wrap=True)


def _read(path: Path, overrides: tuple[str, ...], target: str | None) -> "SpecFile":
    """What a spec says about the networks."""
    from qnas.core.spec import Spec, SpecFile, open_spec
    from qnas.core.spec.document import Assignment
    from qnas.core.spec.load import validate

    document = open_spec(path, overrides)
    if target is not None:
        document.override(Assignment("target", target, "--target"))
    document.data = {key: document.data[key] for key in _READ if key in document.data}
    return SpecFile(validate(document, Spec), document)


def _target(file: "SpecFile") -> "Target":
    if file.spec.target is None:
        raise InputError("names no target to measure in: add --target NAME", file.document.source)
    return file.spec.target


def _told(table: "LatencyTable", out: Path) -> str:
    from qnas.core.drawing.wording import percent, plural

    fit = table.fit
    if fit is None:
        return f"{out}: {len(table.networks)} of {plural(table.planned, 'network')}"
    off = "" if fit.error is None else f"; held-out networks are predicted to {percent(fit.error)} in the median"
    what = f"{plural(len(fit.candidates), 'candidate')} in {plural(len(table.networks), 'network')}"
    return f"{out}: {table.setting}: {what}{off}"
