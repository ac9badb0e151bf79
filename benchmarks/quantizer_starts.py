"""How the start of its quantizers affects a network: PSNR at several widths, and how many levels are in use.

    python benchmarks/quantizer_starts.py --out quantizer_starts.json

A small basic network (12 channels, one cell with a plain residual, a bicubic image residual, x2) is trained from
scratch for each quantizer, start, width and seed, on generated images, and evaluated on scikit-image's photographs:
whole images, Y. As usual, the slots that read and write the image have 8 bits; all others have the stated width. For
each seed, the networks start from the same weights and see the same patches. Levels are the distinct integers in a
tensor, which is the weights of a layer or its activations for a batch, before and after training. The error is the one
before training, as a multiple of that of the step of least error. Both are means over the layers of that width.
"Calibrated" is the PSNR with the weights of the network that was trained in float, quantized without further training.

Rows that are already in the file are not computed again, so you can stop the program and start it again.
"""

import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import click
import torch
from kept_rows import KeptRows
from over_seeds import spread
from rich.console import Console
from rich.progress import track
from rich.table import Table
from rounds import threads_option
from torch import Tensor, nn

from qnas.core.components import Dataset, Degradation, FakeQuantizer, Operation, Quantizer, Space
from qnas.core.images.loading import load_images
from qnas.core.images.pairs import ImagePair
from qnas.core.images.patches import PatchSampler
from qnas.core.network import Candidate, build_found, slot_candidates
from qnas.core.network.calibration import calibrate
from qnas.core.settings import Widths
from qnas.core.training.machine import Machine, place
from qnas.core.training.schedule import Schedule
from qnas.core.training.trainer import Trained, Trainer
from qnas.core.upscale.scoring import validate

CPU = torch.device("cpu")
SCALE, PATCH, BATCH, LEARNING_RATE = 2, 16, 8, 2e-3
SPACE = {"name": "basic", "channels": 12, "cells": 1, "residual": "plain", "image_residual": "bicubic"}
TRAIN = {"name": "dead-leaves", "amount": 64, "size": 96}
TEST = {"name": "photos"}
FULL = 8
"""Bits of the slots that read and write the image."""
BITS = (4, 8, 2, 3)
KINDS = ("weights", "activations")
EXACT = 1e-10
"""A squared error within the rounding of float32, for values around 1."""
QUANTIZERS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "lsq": {"least-error": {"start": "least-error"}, "published": {"start": "published"}},
    "lsq+": {"least-error": {"weight_start": "least-error"}, "published": {"weight_start": "published"}},
    "ewgs": {"least-error": {"start": "least-error"}, "published": {"start": "published"}},
    "nipq": {"least-error": {"start": "least-error"}, "largest": {"start": "largest"}},
    "pact": {"least-error": {"start": "least-error"}, "largest": {"start": "largest"}},
    "dorefa": {"its own": {}},
}


@dataclass(frozen=True)
class Case:
    """One network to train."""

    quantizer: str
    start: str
    bits: int
    seed: int

    def make(self) -> Quantizer:
        """Its quantizer."""
        return Quantizer.of({"name": self.quantizer, **QUANTIZERS[self.quantizer][self.start]})


@dataclass(frozen=True)
class Use:
    """How the tensors of one kind use the grids of the case's width, averaged over the layers.

    Attributes:
        levels: The number of distinct integers.
        error: The squared error as a multiple of that of a grid of least error; a geometric mean.
    """

    levels: float
    error: float


@dataclass(eq=False)
class Experiment:
    """The settings that all networks share.

    Attributes:
        train: Images to train on.
        test: Images to evaluate on.
        steps: How many steps to train.
    """

    train: Sequence[ImagePair]
    test: Sequence[ImagePair]
    steps: int
    _floats: dict[int, dict[str, Tensor]] = field(default_factory=dict)

    def batches(self, seed: int) -> PatchSampler:
        """Patches to train on."""
        return PatchSampler(self.train, SCALE, PATCH, BATCH, augment=True, seed=seed, device=CPU)

    def trained(self, network: nn.Module, seed: int) -> Trained:
        """Train a calibrated network."""
        schedule = Schedule(self.steps, LEARNING_RATE)
        return Trainer(Machine(CPU), network, self.batches(seed), self.test, schedule).run()

    def float_weights(self, seed: int) -> dict[str, Tensor]:
        """The weights of the network trained without quantization, once per seed."""
        if seed not in self._floats:
            self._floats[seed] = self.trained(network_of(Quantizer.of("none"), FULL, seed), seed).last
        return self._floats[seed]


def cases(quantizers: Sequence[str], seeds: int) -> Iterator[Case]:
    """All cases, seed by seed, so that a benchmark that is stopped early has every quantizer."""
    for seed, quantizer, bits in product(range(seeds), quantizers, BITS):
        for start in QUANTIZERS[quantizer]:
            yield Case(quantizer, start, bits, seed)


def network_of(quantizer: Quantizer, bits: int, seed: int) -> nn.Module:
    """The network, not yet calibrated."""
    torch.manual_seed(seed)
    space = Space.of(SPACE)
    slots = list(slot_candidates(space, SCALE))
    ends = {slots[0], slots[-1]}
    widths = {slot: Widths(FULL, FULL) if slot in ends else Widths(bits, bits) for slot in slots}
    chosen = {slot: Candidate(Operation.of("native"), widths[slot]) for slot in slots}
    return place(build_found(space, SCALE, chosen, quantizer), CPU)


@torch.no_grad()
def use_of(network: nn.Module, image: Tensor, bits: int) -> dict[str, Use]:
    """How weights and activations use the grids of this width for ``image``, (N, 3, H, W), in evaluation."""
    levels: dict[str, list[int]] = {kind: [] for kind in KINDS}
    errors: dict[str, list[float]] = {kind: [] for kind in KINDS}

    def look(quantizer: FakeQuantizer, inputs: tuple[Tensor], values: Tensor) -> None:
        step, q_min, q_max, offset = quantizer.grid()
        if (q_max - q_min).bit_length() == bits:
            kind = KINDS[step.dim() == 0]
            levels[kind].append(len(((values - offset) / step).round().unique()))
            errors[kind] += _over_least(quantizer.normalise(inputs[0]), values, bits, signed=q_min < 0, like=step)

    hooks = [m.register_forward_hook(look) for m in network.modules() if isinstance(m, FakeQuantizer)]
    network.eval()(image)
    for hook in hooks:
        hook.remove()
    return {kind: Use(statistics.mean(levels[kind]), statistics.geometric_mean(errors[kind])) for kind in KINDS}


def _over_least(tensor: Tensor, values: Tensor, bits: int, *, signed: bool, like: Tensor) -> list[float]:
    """The squared error over the least; empty for an image, which lies exactly on its grid of 8 bits."""
    best = Quantizer.of("lsq").fake_quantizer(bits, signed=signed, channels=len(tensor) if like.dim() else None)
    best.observe(tensor)
    ours, least = ((x - tensor).square().mean().item() for x in (values, best(tensor)))
    return [ours / least] if least > EXACT else []


def row_of(case: Case, experiment: Experiment) -> dict[str, object]:
    """Train the network of a case, and evaluate it."""
    began = time.process_time()
    network = network_of(case.make(), case.bits, case.seed)
    first = experiment.batches(case.seed).draw().lr
    calibrate(network.train(), lambda: network(first))
    before = use_of(network, first, case.bits)
    trained = experiment.trained(network, case.seed)
    after = use_of(network, first, case.bits)
    return {
        **asdict(case),
        "psnr": trained.last_psnr,
        "calibrated_psnr": calibrated_psnr(case, experiment),
        "error": {kind: before[kind].error for kind in KINDS},
        "levels": {kind: [before[kind].levels, after[kind].levels] for kind in KINDS},
        "seconds": time.process_time() - began,
    }


def calibrated_psnr(case: Case, experiment: Experiment) -> float:
    """PSNR of the network with the weights of the float one, quantized without further training."""
    network = network_of(case.make(), case.bits, case.seed)
    network.load_state_dict(experiment.float_weights(case.seed), strict=False)
    first = experiment.batches(case.seed).draw().lr
    calibrate(network.train(), lambda: network(first))
    return validate(network.eval(), experiment.test, SCALE, CPU)[0]


def print_table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print means over the seeds; the difference to the other start is taken seed by seed."""
    console = Console(highlight=False, markup=False, width=140)
    uses = [f"{what} of {kind}" for kind in KINDS for what in ("error", "levels")]
    head = ("quantizer", "start", "bits", "PSNR", "over other", "calibrated")
    table = Table(*head, *uses, box=None, pad_edge=False)
    keys = {(row["quantizer"], row["bits"], row["start"]) for row in rows}
    for quantizer, bits, start in sorted(keys, key=lambda key: (list(QUANTIZERS).index(key[0]), key[1:])):
        of_width = [row for row in rows if (row["quantizer"], row["bits"]) == (quantizer, bits)]
        ours = {row["seed"]: row for row in of_width if row["start"] == start}
        others = {row["seed"]: row for row in of_width if row["start"] != start}
        gains = [ours[seed]["psnr"] - others[seed]["psnr"] for seed in ours if seed in others]
        used = [text for kind in KINDS for text in _uses(list(ours.values()), kind)]
        psnr, calibrated = (spread([row[key] for row in ours.values()]) for key in ("psnr", "calibrated_psnr"))
        table.add_row(quantizer, start, str(bits), psnr, spread(gains, sign="+"), calibrated, *used)
    console.print(table)


def _uses(rows: Sequence[Mapping[str, Any]], kind: str) -> tuple[str, str]:
    error = statistics.geometric_mean(row["error"][kind] for row in rows)
    before, after = (statistics.mean(row["levels"][kind][when] for row in rows) for when in (0, 1))
    return f"{error:.2f}", f"{before:.0f} -> {after:.0f}"


@click.command(help=__doc__.splitlines()[0])
@click.option("--steps", default=240, show_default=True, help="Steps of training.")
@click.option("--seeds", default=3, show_default=True, help="Networks of each kind.")
@click.option(
    "--quantizer",
    "quantizers",
    multiple=True,
    type=click.Choice(list(QUANTIZERS)),
    default=list(QUANTIZERS),
    help="Use this quantizer instead of all; can be given several times.",
)
@click.option("--train", "folder", type=click.Path(exists=True, path_type=Path), help="A folder of images to train on.")
@click.option("--test", "judged", type=click.Path(exists=True, path_type=Path), help="A folder of images to test on.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The JSON file that keeps the rows.")
@threads_option
def main(
    steps: int,
    seeds: int,
    quantizers: Sequence[str],
    folder: Path | None,
    judged: Path | None,
    out: Path,
    threads: int,
) -> None:
    """Train the cases that are not in the file yet, and print all."""
    torch.set_num_threads(threads)
    sets = [_dataset(TRAIN, folder), _dataset(TEST, judged)]
    setting = {"steps": steps, "space": SPACE, "train": sets[0].label, "test": sets[1].label}
    kept = KeptRows(out, setting)
    wanted = [case for case in cases(quantizers, seeds) if not kept.has(asdict(case))]
    experiment = Experiment(*(load_images(one, SCALE, Degradation.of("matlab")) for one in sets), steps)
    for case in track(wanted, "networks", console=Console(stderr=True)):
        kept.add(row_of(case, experiment))
    print_table(kept.rows)


def _dataset(generated: Mapping[str, object], folder: Path | None) -> Dataset:
    return Dataset.of(generated if folder is None else {"name": "folder", "path": str(folder)})


if __name__ == "__main__":
    main()
