"""How fast patches are drawn, compared with how fast the fastest training loop consumes them.

    python benchmarks/data.py --out data.json

Images are random; LR patches are 45 x 45 at x4, in batches of 8, flipped and rotated. The network is the smallest one
of the published space, because its steps are the shortest and so wait for patches the most.
"""

import os

os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as the command line does, before torch is imported

import statistics
from pathlib import Path

import click
import torch
from rounds import Target, interleaved, out_option, ratio, report, rounds_option, threads_option
from search_step import BATCH
from train_step import by_bitops, network_of, sampler, step_of


@click.command(help=__doc__.splitlines()[0])
@rounds_option
@threads_option
@out_option
def main(rounds: int, threads: int, out: Path | None) -> None:
    """Time drawing and training."""
    torch.set_num_threads(threads)
    batches = sampler()
    steps = {
        "drawing a batch": batches.draw,
        "a step, float32": step_of(network_of(by_bitops(min), "lsq")),
        "a step, bfloat16": step_of(network_of(by_bitops(min), "lsq"), "bfloat16"),
    }
    seconds = interleaved(steps, rounds)
    fastest = min(list(steps)[1:], key=lambda name: statistics.median(seconds[name]))
    share = ratio(seconds, "drawing a batch", fastest)
    targets = [
        Target(f"drawing / {fastest}, the share of time that training waits", share, 0.02),
        Target("patches that training consumes / patches that are drawn", share, 1 / 5),
    ]
    report(seconds, targets, out)
    print(f"{BATCH / statistics.median(seconds['drawing a batch']):.0f} patches per second")


if __name__ == "__main__":
    main()
