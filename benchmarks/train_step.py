"""What one step of training the found network costs, compared with a plain float PyTorch loop over the same network.

    python benchmarks/train_step.py --out train_step.json

The network is the original one of the published basic space (36 channels, 3 cells) at 8 bits; batch 8, LR 45 x 45, x4,
random images. Ours is the step of the training stage, including its data. The plain loop draws from the same sampler
and trains the same network without quantizers, with PyTorch's own loss, backward pass, clipping and Adam. Options of
the training are timed with lsq, each alone; benchmarks/memory.py measures their memory.
"""

import os

os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as the command line does, before torch is imported

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click
import torch
import torch.nn.functional as F
from rounds import Step, Target, interleaved, out_option, ratio, report, rounds_option, threads_option
from search_step import BATCH, PATCH, SCALE, SPACE, random_pair
from torch import nn

from qnas.core.components import Cost, Operation, Quantizer, Space
from qnas.core.images.patches import PatchSampler
from qnas.core.network import Candidate, build_found, count_space, slot_candidates
from qnas.core.network.calibration import calibrate
from qnas.core.settings import Widths
from qnas.core.training.machine import Machine, Precision, place
from qnas.core.training.schedule import Schedule
from qnas.core.training.trainer import Trainer

CPU = torch.device("cpu")
QUANTIZERS = ("none", "lsq", "lsq+", "pact", "ewgs", "dorefa", "nipq", "hwgq")
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "ema": {"ema": 0.999},
    "accumulate, 2 parts": {"accumulate": 2},
    "warm-up": {"warmup": 1000},
    "weight decay": {"weight_decay": 0.01},
    "patches of 4/3 the side": {"patches": {0: 4 * PATCH // 3}},
}
"""Options of a training, as fields of its schedule."""
_NO_OPTIONS: Mapping[str, Any] = MappingProxyType({})


def sampler() -> PatchSampler:
    """Batches of random patches."""
    return PatchSampler([random_pair()], SCALE, PATCH, BATCH, augment=True, seed=0, device=CPU)


def original() -> dict[str, Candidate]:
    """The original operations at 8 bits."""
    return dict.fromkeys(slot_candidates(Space.of(SPACE), SCALE), Candidate(Operation.of("native"), Widths(8, 8)))


def by_bitops(best: Callable[[Iterable[int]], int]) -> dict[str, Candidate]:
    """The candidate of each slot with the most BitOps, or the fewest."""
    space, bitops = Space.of(SPACE), Cost.of("bitops")
    counted = count_space(space, SCALE, Quantizer.of("lsq")).slots
    prices = {path: list(map(bitops.of_candidate, options)) for path, options in counted.items()}
    options = slot_candidates(space, SCALE)
    return {path: options[path][prices[path].index(best(prices[path]))] for path in options}


def network_of(chosen: Mapping[str, Candidate], quantizer: str) -> nn.Module:
    """A calibrated network of the space."""
    torch.manual_seed(0)
    found = place(build_found(Space.of(SPACE), SCALE, chosen, Quantizer.of(quantizer)), CPU)
    batch = sampler().draw()
    calibrate(found.train(), lambda: found(batch.lr))
    return found


def step_of(found: nn.Module, precision: Precision = "float32", options: Mapping[str, Any] = _NO_OPTIONS) -> Step:
    """A step of the training stage, with some of :data:`OPTIONS`."""
    schedule = Schedule(1_000_000, 1e-4, **options)  # no step is its last, which is validated
    return Trainer(Machine(CPU, precision), found, sampler(), [], schedule).advance


def plain() -> Step:
    """A step of the obvious training loop."""
    found, batches = network_of(original(), "none"), sampler()
    optimizer = torch.optim.Adam(found.parameters(), lr=1e-4)

    def step() -> None:
        lr, hr = batches.draw()
        loss = F.l1_loss(found(lr), hr)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(found.parameters(), 5.0)
        optimizer.step()

    return step


@click.command(help=__doc__.splitlines()[0])
@rounds_option
@threads_option
@out_option
def main(rounds: int, threads: int, out: Path | None) -> None:
    """Time all quantizers, and report whether the targets are met."""
    torch.set_num_threads(threads)
    steps = {"plain float": plain(), **{name: step_of(network_of(original(), name)) for name in QUANTIZERS}}
    steps["lsq, bfloat16"] = step_of(network_of(original(), "lsq"), "bfloat16")
    for name, options in OPTIONS.items():
        steps[f"lsq, {name}"] = step_of(network_of(original(), "lsq"), options=options)
    seconds = interleaved(steps, rounds)
    limits = {"lsq": 1.5}
    targets = [Target(f"{name} / plain float", ratio(seconds, name, "plain float"), limits.get(name)) for name in steps]
    report(seconds, targets[1:], out)


if __name__ == "__main__":
    main()
