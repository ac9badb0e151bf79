"""The memory of an iteration of the search, compared with training the most expensive network of its space.

Beside these, that training with each option that it may have.

    python benchmarks/memory.py --out memory.json

The space and its sizes are those of search_step.py. Each runs for a few iterations in a separate process.
The figure is how much the process grows beyond its size before the first iteration (resident memory, Linux).
"""

import multiprocessing
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import click
import torch
from rich.console import Console
from rounds import Step, Target, out_option, write_json
from search_step import iteration
from train_step import OPTIONS, by_bitops, network_of, step_of

ITERATIONS = 4


def search() -> Step:
    """An iteration of the search with noise."""
    return iteration()


def dearest(options: Mapping[str, Any]) -> Step:
    """A step of training the network with the most BitOps in the space, with some options."""
    return step_of(network_of(by_bitops(max), "lsq"), options=options)


def growth(make: Callable[[], Step]) -> int:
    """How many bytes the process grows by while it runs steps."""
    torch.set_num_threads(2)
    step = make()
    before = resident("VmRSS")
    for _ in range(ITERATIONS):
        step()
    return resident("VmHWM") - before


def resident(which: str) -> int:
    """Bytes in memory, now (VmRSS) or at the peak so far (VmHWM). getrusage would include those of the parent."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{which}:"))


@click.command(help=__doc__.splitlines()[0])
@out_option
def main(out: Path | None) -> None:
    """Measure all."""
    steps = {"search": search, "dearest": partial(dearest, {})}
    steps |= {f"dearest, {name}": partial(dearest, options) for name, options in OPTIONS.items()}
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        measured = {name: pool.apply(growth, (make,)) for name, make in steps.items()}
    target = Target("search / dearest", measured["search"] / measured["dearest"], 2.0)
    console = Console(highlight=False)
    for name, size in measured.items():
        console.print(f"{name:<28} {size / 1e6:.0f} MB")
    console.print(f"{target.what} {target.ratio:.2f}, at most {target.at_most:.2f}: {target.verdict}")
    write_json(out, {"bytes": measured}, [target])


if __name__ == "__main__":
    main()
