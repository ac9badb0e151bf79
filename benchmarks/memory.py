"""The memory of an iteration of the search, compared with training the most expensive network of its space.

    python benchmarks/memory.py --out memory.json

The space and its sizes are those of search_step.py. Each of the two runs for a few iterations in a separate process.
The figure is how much the process grows beyond its size before the first iteration (resident memory, Linux).
"""

import multiprocessing
from collections.abc import Callable
from pathlib import Path

import click
import torch
from rich.console import Console
from rounds import Step, Target, out_option, write_json
from search_step import iteration
from train_step import by_bitops, network_of, step_of

ITERATIONS = 4


def search() -> Step:
    """An iteration of the search with noise."""
    return iteration()


def dearest() -> Step:
    """A step of training the network with the most BitOps in the space."""
    return step_of(network_of(by_bitops(max), "lsq"))


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
    """Measure both."""
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        measured = {make.__name__: pool.apply(growth, (make,)) for make in (search, dearest)}
    target = Target("search / dearest", measured["search"] / measured["dearest"], 2.0)
    console = Console(highlight=False)
    for name, size in measured.items():
        console.print(f"{name:<8} {size / 1e6:.0f} MB")
    console.print(f"{target.what} {target.ratio:.2f}, at most {target.at_most:.2f}: {target.verdict}")
    write_json(out, {"bytes": measured}, [target])


if __name__ == "__main__":
    main()
