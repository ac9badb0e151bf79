"""``qnas bench``: how fast the found networks of runs are where they are to run."""

import contextlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qnas.core.cli.options import (
    no_code_option,
    target_fields_option,
    target_option,
    timing_rounds_option,
    verbose_option,
)
from qnas.core.errors import InputError

if TYPE_CHECKING:
    from qnas.core.components import Target
    from qnas.core.settings.lr_sizes import Size

_SIZE = "256x256"


def _sizes(_: click.Context, __: click.Parameter, text: str | None) -> list[str]:
    from qnas.core.settings.lr_sizes import lr_size

    names = [] if text is None else text.split(",")
    for name in names:
        lr_size(name, scale=1)  # what is no size is refused before anything is loaded
    return names


def _threads(_: click.Context, __: click.Parameter, text: str) -> list[int]:
    counts = text.split(",")
    for count in counts:
        if not (count.isdecimal() and count.isascii() and 0 < int(count) < 1000):
            raise InputError(f"'{count}' is not a number of threads: write, for example, 1,2", "--threads")
    return list(dict.fromkeys(map(int, counts)))


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=click.Path(path_type=Path))
@target_option
@target_fields_option
@click.option(
    "--threads",
    metavar="N,...",
    default="1",
    show_default=True,
    callback=_threads,
    help="How many threads the runtime may use.",
)
@click.option(
    "--size",
    "sizes",
    metavar="SIZE,...",
    callback=_sizes,
    help="Sizes of LR images as height x width, or the frames that they become, such as 720p [default: what the run's"
    f" spec says of the target, else {_SIZE}].",
)
@timing_rounds_option
@click.option(
    "--json", "out", type=click.Path(path_type=Path, dir_okay=False), help="Also write the figures to this file."
)
@no_code_option
@verbose_option
def bench(
    runs: Sequence[Path],
    names: Sequence[str],
    fields: Sequence[str],
    threads: Sequence[int],
    sizes: Sequence[str],
    rounds: int,
    out: Path | None,
) -> None:
    """Measure how fast the networks that RUNs found are in their runtimes.

    Each is timed beside the float network of the same architecture, exported in the same way, and beside Pillow's
    bicubic interpolation, which uses one thread. After a warm-up they take turns. Only the runtime is timed, on values
    in memory. The middle half of the times lies within the spread; speed is relative to the float network; memory is
    the peak of what a process needs in addition.

    What is timed is the file that qnas export wrote and verified. If there is none, a temporary one is written, and the
    result is marked "not verified". The figures are kept in RUN/export/bench.json, and qnas report shows them. RUN is
    the folder of a run, or the name of a model (qnas list models), of which a copy is made in the current folder. One
    of several that fails does not stop the others: it is named at the end.
    """
    import torch

    from qnas.core.cli.batch import Failures
    from qnas.core.cli.targets import named_targets, refuse_other_sizes
    from qnas.core.cli.terminal.progress import show_counts
    from qnas.core.run.deployment import bench as timed
    from qnas.core.run.deployment.found import load_found
    from qnas.core.run.deployment.models import brought_here

    if sizes:
        refuse_other_sizes(fields, f"--size {','.join(sizes)}", sizes)
    for target in named_targets(names, fields):
        timed.refuse_untimable(target)
    paths, failures = list(dict.fromkeys(runs)), Failures("run")
    measured: list[dict[str, Any]] = []
    try:
        with show_counts("time") as report:
            for path in paths:
                with failures.noted(str(path)) if len(paths) > 1 else contextlib.nullcontext():
                    found = load_found(brought_here(path), torch.device("cpu"))
                    where = _at_sizes(named_targets(names, fields, found.run), sizes, found.scale)
                    for entry in timed.bench(found, where, threads, rounds=rounds, report=report):
                        measured.append({"run": str(path), **entry})
    finally:
        _tell(measured, failures.reasons, out)
    failures.refuse("not timed to the end", len(paths))


def _at_sizes(targets: "Sequence[Target]", sizes: Sequence[str], scale: int) -> "dict[Target, list[Size]]":
    """Each target, and the sizes to time it at: those that are given, or else its own."""
    from qnas.core.settings.lr_sizes import lr_size

    if not sizes:
        return {target: [lr_size(target.size or _SIZE, scale)] for target in targets}
    resolved = list(dict.fromkeys(lr_size(size, scale) for size in sizes))
    return {target.sized(None): resolved for target in targets}


def _tell(measured: Sequence[Mapping[str, Any]], failed: Mapping[str, str], out: Path | None) -> None:
    """Print what was measured, and write it to a file if one is named."""
    from qnas.core.cli.terminal.bench_view import print_bench
    from qnas.core.cli.terminal.console import Terminal
    from qnas.core.files.atomic import write_atomically

    console = Terminal()
    for entry in measured:
        print_bench(console, entry)
    if out is not None and (measured or failed):
        content = {"measured": measured, "not_timed": failed}
        write_atomically(out, (json.dumps(content, indent=2) + "\n").encode())
