"""``qnas bench``: how fast the found networks of runs are where they are to run."""

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qnas.core.cli.options import no_code_option, target_fields_option, target_option, verbose_option
from qnas.core.deploy.lr_sizes import FRAMES, lr_size
from qnas.core.deploy.timing import MOST
from qnas.core.errors import InputError

if TYPE_CHECKING:
    from qnas.core.deploy.lr_sizes import Size


def _sizes(_: click.Context, __: click.Parameter, text: str) -> list[str]:
    names = text.split(",")
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
    default="256x256",
    show_default=True,
    callback=_sizes,
    help="Sizes of LR images as height x width, or the frames that they become: " + ", ".join(FRAMES) + ".",
)
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=MOST,
    show_default=True,
    help="How many times each network is timed at most; fewer are enough if the times hardly differ.",
)
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
    result is marked "not verified". The figures are kept in RUN/export/bench.json, and qnas report shows them.
    """
    import torch

    from qnas.core.cli.targets import named_targets
    from qnas.core.cli.terminal.bench_view import print_bench
    from qnas.core.cli.terminal.console import Terminal
    from qnas.core.cli.terminal.progress import show_counts
    from qnas.core.files.atomic import write_atomically
    from qnas.core.run.deployment import bench as timed
    from qnas.core.run.found import load_found

    targets = named_targets(names, fields)
    found = {str(path): load_found(path, torch.device("cpu")) for path in runs}
    for network, target in itertools.product(found.values(), targets):
        timed.refuse_untimed(network.run, target)
    measured: list[dict[str, Any]] = []
    with show_counts("time") as report:
        for path, network in found.items():
            of_run = _resolved(sizes, network.scale)
            for entry in timed.bench(network, targets, of_run, threads, rounds=rounds, report=report):
                measured.append({"run": path, **entry})
    console = Terminal()
    for entry in measured:
        print_bench(console, entry)
    if out is not None:
        write_atomically(out, (json.dumps({"measured": measured}, indent=2) + "\n").encode())


def _resolved(sizes: Sequence[str], scale: int) -> "list[Size]":
    return list(dict.fromkeys(lr_size(size, scale) for size in sizes))
