"""What each option of the training brings a network of 4 bits at x4: its PSNR and its time, beside those from scratch.

    python benchmarks/ablation.py --out ablation.json                                   # generated images, hours
    python benchmarks/ablation.py --photos DIR --test Set14=DIR --out ablation.json     # your own
    python benchmarks/ablation.py --photos DIR --test Set14=DIR --out ablation.json --markdown

Each network is trained with each option and seed by `qnas run`. All of its convolutions have 4 bits, weights and
activations, and nothing is searched. All options have the same number of optimizer steps, in float and quantized
together, unless the table says so, and the same learning rate. Times are those of the processor, with the training in
float and all validations.

Rows that are already in the file are not computed again, so you can stop the program and start it again.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import click
import torch
import yaml
from kept_rows import KeptRows
from over_seeds import change, spread
from own_networks import SCALE
from rounds import threads_option

from qnas.core.cli.main import invoke
from qnas.core.errors import QnasError
from qnas.core.files.folder import RunFolder
from qnas.core.registry import hookimpl, listening
from qnas.core.run.record import RunRecord

PATCH, BATCH, BITS = 16, 8, 4
GENERATED = {"name": "dead-leaves", "amount": 128, "size": 128}


@dataclass(frozen=True)
class Network:
    """A network of 4 bits.

    Attributes:
        space: The fields of its space.
        learning_rate: The better one of 0.002 and 0.004, from scratch with seed 0.
    """

    space: Mapping[str, Any]
    learning_rate: float


NETWORKS: Mapping[str, Network] = {
    "skeleton": Network(
        {
            "name": "skeleton",
            "channels": 32,
            "body": [{"block": "residual", "repeat": 3}],
            "image_residual": "bicubic",
        },
        0.002,
    ),
    "compact of spandrel": Network(
        {
            "name": "module",
            "target": "spandrel_networks:make",
            "arguments": {
                "architecture": "Compact/SRVGG:SRVGGNetCompact",
                "num_feat": 24,
                "num_conv": 4,
                "upscale": SCALE,
            },
        },
        0.004,
    ),
}
"""Ours, and one that nobody here wrote, opened like a user's own."""


@dataclass(frozen=True)
class Option:
    """A way to train a network.

    Attributes:
        steps: Of the quantized network, as a share of those that all options have.
        float_steps: Of the training in float that precedes it, likewise.
        train: Other fields of the spec's ``train``.
        loss: What is minimized.
        branches: What each convolution is trained with.
        rate: The learning rate of kernels and biases, as a share of the network's.
    """

    steps: float = 1
    float_steps: float = 0
    train: Mapping[str, object] = field(default_factory=dict)
    loss: object = "l1"
    branches: Sequence[str] = ()
    rate: float = 1

    def training(self, steps: int) -> dict[str, object]:
        """The fields of ``train``, where a training has that many steps."""
        in_float = {"float_steps": round(self.float_steps * steps)} if self.float_steps else {}
        return {"steps": round(self.steps * steps), **in_float, **self.train}

    def rates(self, rate: float) -> dict[str, float]:
        """The learning rates, where the network's is ``rate``."""
        others = {} if self.rate == 1 else {"scalar_learning_rate": rate, "step_learning_rate": rate}
        return {"learning_rate": self.rate * rate, **others}

    def in_words(self, steps: int) -> str:
        """The steps of its trainings."""
        in_float = f"{round(self.float_steps * steps)} in float, " if self.float_steps else ""
        return f"{in_float}{round(self.steps * steps)}"

    @property
    def operation(self) -> object:
        """The operation of every slot."""
        return {"name": "native", "branches": list(self.branches)} if self.branches else "native"


BASE = "scratch"
OPTIONS: Mapping[str, Option] = {
    BASE: Option(),
    "float start": Option(0.5, 0.5, {"start": "float"}),
    "EMA": Option(train={"ema": 0.999}),
    "Charbonnier": Option(loss="charbonnier"),
    "distillation": Option(1, 1, loss={"l1": 1, "distill": 1}),
    "branches, kernels at a quarter of the rate": Option(branches=["ecbsr"], rate=0.25),
    "all together, kernels at a quarter of the rate": Option(
        *(0.5, 0.5, {"start": "float", "ema": 0.999}),
        loss={"charbonnier": 1, "distill": 1},
        branches=["ecbsr"],
        rate=0.25,
    ),
    "all but branches": Option(
        *(0.5, 0.5, {"start": "float", "ema": 0.999}),
        loss={"charbonnier": 1, "distill": 1},
    ),
    "float start and distillation": Option(0.5, 0.5, {"start": "float"}, {"l1": 1, "distill": 1}),
    "scratch, twice the steps": Option(2),
}


@dataclass(frozen=True)
class Case:
    """One training."""

    network: str
    option: str
    seed: int


@dataclass(frozen=True)
class Experiment:
    """What all trainings share.

    Attributes:
        steps: Optimizer steps of a training.
        rate: Of the networks' learning rates.
        photos: Folders of images to train on; without any, images are generated.
        tests: Folders of test images by name, beside those that come with scikit-image.
    """

    steps: int
    rate: float
    photos: Sequence[Path]
    tests: Mapping[str, Path]

    @property
    def setting(self) -> Mapping[str, object]:
        """What is told of it beside the figures; of folders, their names."""
        return {
            "steps": self.steps,
            "batch": BATCH,
            "patch": PATCH,
            "rate": self.rate,
            "train": [folder.name for folder in self.photos] or GENERATED,
            "test": [*self.tests, "photos"],
        }

    def spec(self, case: Case) -> dict[str, object]:
        """The spec of a training."""
        network, option = NETWORKS[case.network], OPTIONS[case.option]
        folders: dict[str, object] = {name: {"name": "folder", "path": str(path)} for name, path in self.tests.items()}
        photos = {"name": "folder", "path": [str(folder) for folder in self.photos]}
        return {
            "name": "ablation",
            "seed": case.seed,
            "scale": SCALE,
            "device": "cpu",
            "space": {**network.space, "operations": [option.operation], "bits": [BITS]},
            "data": {
                "train": photos if self.photos else GENERATED,
                "test": {**folders, "photos": "photos"},
                "patch": PATCH,
            },
            "loss": option.loss,
            "train": {
                "batch": BATCH,
                "validations": 4,
                **option.rates(self.rate * network.learning_rate),
                **option.training(self.steps),
            },
        }

    def row(self, case: Case) -> dict[str, Any]:
        """Train, and measure."""
        clock = Clock()
        with tempfile.TemporaryDirectory() as folder, listening(clock):
            file, run = Path(folder, "spec.yaml"), Path(folder, "run")
            file.write_text(yaml.safe_dump(self.spec(case)))
            if invoke(["run", str(file), "--out", str(run), "--until", "evaluate"]):
                raise QnasError(f"{case.network}, {case.option} failed")
            record = RunRecord(RunFolder(run))
            tests = record.result["test"]
            return {
                **asdict(case),
                "psnr_y": {name: scores["psnr_y"] for name, scores in tests.items()},
                "bicubic": {name: scores["bicubic"]["psnr_y"] for name, scores in tests.items()},
                "best_step": record.stages["train"]["best_step"],
                "cpu_seconds": {stage: clock.seconds[stage] for stage in ("float", "train") if stage in clock.seconds},
            }


class Clock:
    """Measures how long the processor works on each stage of a run."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @hookimpl
    def qnas_stage_began(self, stage: str) -> None:
        """See the hook."""
        self.seconds[stage] = -time.process_time()

    @hookimpl
    def qnas_stage_ended(self, stage: str) -> None:
        """See the hook."""
        self.seconds[stage] += time.process_time()


def cases(networks: Sequence[str], options: Sequence[str], seeds: int) -> Iterator[Case]:
    """All trainings, seed by seed, so that a benchmark that is stopped early has every option."""
    return (Case(network, option, seed) for seed, network, option in product(range(seeds), networks, options))


def markdown(kept: Mapping[str, Any]) -> str:
    """A table for each network: means over the seeds, and changes against scratch by seed."""
    rows, steps = kept["rows"], kept["setting"]["steps"]
    of_each = {name: [row for row in rows if row["network"] == name] for name in NETWORKS}
    return "\n".join(_table(name, of, steps) for name, of in of_each.items() if of)


def _table(network: str, rows: Sequence[Mapping[str, Any]], steps: int) -> str:
    by_option = {name: [row for row in rows if row["option"] == name] for name in OPTIONS}
    sets = list(rows[0]["psnr_y"])
    lines = [[network, "steps", *(title for name in sets for title in (name, "against scratch")), "time"]]
    lines.append(["---"] * len(lines[0]))
    lines.append(["bicubic", "", *(cell for name in sets for cell in (f"{rows[0]['bicubic'][name]:.2f} dB", "")), ""])
    for option, ours in by_option.items():
        seeds = {row["seed"] for row in ours}
        base = [row for row in by_option[BASE] if row["seed"] in seeds]
        if ours and len(base) == len(ours):
            cells = [cell for name in sets for cell in _cells(base, ours, name)]
            lines.append([option, OPTIONS[option].in_words(steps), *cells, _time(base, ours)])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cells(base: Sequence[Mapping[str, Any]], ours: Sequence[Mapping[str, Any]], name: str) -> tuple[str, str]:
    before, after = ([row["psnr_y"][name] for row in rows] for rows in (base, ours))
    return f"{spread(after)} dB", "" if ours == base else change(before, after)


def _time(base: Sequence[Mapping[str, Any]], ours: Sequence[Mapping[str, Any]]) -> str:
    total, usual = (statistics.mean(sum(row["cpu_seconds"].values()) for row in rows) for rows in (ours, base))
    return f"{total / usual:.2f} x"


def _named(value: str) -> tuple[str, Path]:
    name, equals, folder = value.partition("=")
    if not (name and equals and Path(folder).is_dir()):
        raise click.BadParameter(f"must be NAME=DIR, with the folder of a test set (got {value})")
    return name, Path(folder)


@click.command(help=__doc__.splitlines()[0])
@click.option("--network", "networks", multiple=True, type=click.Choice(list(NETWORKS)), default=list(NETWORKS))
@click.option("--option", "options", multiple=True, type=click.Choice(list(OPTIONS)), default=list(OPTIONS))
@click.option("--seeds", default=3, show_default=True, help="How many.")
@click.option("--steps", default=800, show_default=True, help="Of each training, in float and quantized.")
@click.option("--rate", default=1.0, show_default=True, help="All learning rates, as a share of those here.")
@click.option("--photos", multiple=True, type=click.Path(exists=True, path_type=Path), help="A folder to train on.")
@click.option("--test", "tests", metavar="NAME=DIR", multiple=True, help="A test set, beside the built-in photographs.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The JSON file that keeps the rows.")
@click.option("--markdown", "only_table", is_flag=True, help="Only print the file's rows, as tables in Markdown.")
@threads_option
def main(
    networks: Sequence[str],
    options: Sequence[str],
    seeds: int,
    steps: int,
    rate: float,
    photos: Sequence[Path],
    tests: Sequence[str],
    out: Path,
    only_table: bool,
    threads: int,
) -> None:
    """Train the cases that are not in the file yet, and print all."""
    if not only_table:
        torch.set_num_threads(threads)
        experiment = Experiment(steps, rate, photos, dict(map(_named, tests)))
        kept = KeptRows(out, experiment.setting)
        for case in cases(networks, options, seeds):
            if not kept.has(asdict(case)):
                kept.add(experiment.row(case))
    click.echo(markdown(json.loads(out.read_text())), nl=False)


if __name__ == "__main__":
    main()
