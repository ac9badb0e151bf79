"""What quantization costs networks that others wrote, at x4: calibrated at 8 bits, and tuned at 4.

    python benchmarks/strangers.py --photos ~/BSDS400 --photos ~/DIV2K --test ~/Set14 --weights own --out strangers.json

Each network is first trained in float by `own_networks.py`, shortly; its weights are kept in `own`. It is then judged
at several widths, as a spec says them: all of its convolutions have 8 or 4 bits, the first and the last too, and
everything else stays in float. "Not tuned" is `train: {steps: 0, batch: 64}`. What is tuned takes 300 steps from the
float weights, and its quantizers begin with `calibration: float`, but for the last way. "With distillation" is the loss
`{l1: 1, distill: {teacher: weights}}`.

Rows that are already in the file are not computed again, so you can stop the program and start it again.
"""

import json
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import click
import torch
from kept_rows import KeptRows
from over_seeds import change
from own_networks import PATCH, SCALE, network, space_of, train_float, weights_of
from rounds import threads_option

from qnas.core.components import Space
from qnas.core.errors import QnasWarning
from qnas.core.files.folder import RunFolder
from qnas.core.network import slot_candidates
from qnas.core.run.run import run_spec
from qnas.core.spec import Spec

NETWORKS = ("compact", "swin2sr", "rcan")
STEPS, RATE, BATCH = 300, 5e-4, 8
CALIBRATED_ON = 64
"""Patches, where nothing is tuned."""
SEEDS = 3
TEST = "test"
LOSS = {"l1": 1}
DISTILLATION = {"distill": {"teacher": "weights"}}


@dataclass(frozen=True)
class Way:
    """A way to quantize a network.

    Attributes:
        bits: Of weights and activations.
        is_tuned: Whether it is trained for some steps.
        is_taught: Whether the float network teaches it then.
        calibration: What its quantizers are set up by.
    """

    bits: int | str
    is_tuned: bool = False
    is_taught: bool = False
    calibration: str = "float"


FLOAT = "float"
WAYS: Mapping[str, Way] = {
    FLOAT: Way("float"),
    "W8A8, not tuned": Way(8),
    "W4A4, not tuned": Way(4),
    "W4A4, tuned": Way(4, is_tuned=True),
    "W4A4, tuned with distillation": Way(4, is_tuned=True, is_taught=True),
    "W4A4, tuned, calibration: quantized": Way(4, is_tuned=True, calibration="quantized"),
}


@dataclass(frozen=True)
class Case:
    """A network to judge.

    Attributes:
        network: Its name.
        way: Its way.
        seed: Of the run.
        weights: The digest of its float weights.
    """

    network: str
    way: str
    seed: int
    weights: str


def cases(digests: Mapping[str, str]) -> Iterator[Case]:
    """All cases of the networks with these weights, way by way, so that one that is stopped early has every network."""
    for way, (name, weights) in product(WAYS, digests.items()):
        for seed in range(1 if way == FLOAT else SEEDS):  # nothing is drawn at random in float
            yield Case(name, way, seed, weights)


def spec_of(case: Case, photos: Sequence[Path], test: Path, weights: Path) -> Spec:
    """The spec of a case."""
    way = WAYS[case.way]
    space = space_of(case.network, weights=str(weights), operations=["native"], bits=[way.bits])
    steps, batch = (STEPS, BATCH) if way.is_tuned else (0, CALIBRATED_ON)
    train = {"steps": steps, "batch": batch, "learning_rate": RATE, "validations": 3, "calibration": way.calibration}
    data = {
        "train": {"name": "folder", "path": [str(path) for path in photos]},
        "test": {TEST: {"name": "folder", "path": str(test)}},
        "patch": PATCH,
    }
    loss = LOSS | DISTILLATION if way.is_taught else LOSS
    common = {"name": case.network, "seed": case.seed, "scale": SCALE, "device": "cpu", "loss": loss}
    return Spec.model_validate({**common, "space": space, "data": data, "train": train})


def row_of(case: Case, photos: Sequence[Path], test: Path, weights: Path) -> dict[str, Any]:
    """Quantize a network, tune it if it is to be tuned, and judge it."""
    began = time.process_time()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(action="ignore", category=QnasWarning):
        found = run_spec(spec_of(case, photos, test, weights), RunFolder(Path(folder) / "run"), until="evaluate")
    return {
        **asdict(case),
        **_facts(case.network),
        "float_steps": int(RunFolder(weights.parent).read_checked(weights.name)[1]["steps"]),
        "psnr_y": found["test"][TEST]["psnr_y"],
        "bicubic": found["test"][TEST]["bicubic"]["psnr_y"],
        "seconds": round(time.process_time() - began, 1),
    }


def _facts(name: str) -> dict[str, int]:
    """How many parameters a network has, and how many of its convolutions are quantized."""
    slots = slot_candidates(Space.of(space_of(name)), SCALE)
    return {"parameters": sum(p.numel() for p in network(name).parameters()), "convolutions": len(slots)}


def markdown(kept: Mapping[str, Any]) -> str:
    """A table with a line for each network: PSNR in float, and the change of each way, for the seeds that it has."""
    rows, others = kept["rows"], [way for way in WAYS if way != FLOAT]
    lines = [["network", "parameters", "convolutions", FLOAT, *others], ["---"] * (len(WAYS) + 3)]
    for name in dict.fromkeys(row["network"] for row in rows):
        of_network = [row for row in rows if row["network"] == name]
        psnr = {way: [row["psnr_y"] for row in of_network if row["way"] == way] for way in WAYS}
        parameters, convolutions = (f"{of_network[0][fact]:,}" for fact in ("parameters", "convolutions"))
        head = [name, parameters, convolutions, f"{psnr[FLOAT][0]:.2f} dB"]
        changes = [change(psnr[FLOAT] * len(psnr[way]), psnr[way]) if psnr[way] else "" for way in others]
        lines.append([*head, *changes])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


@click.command(help=__doc__.splitlines()[0])
@click.option("--photos", multiple=True, type=click.Path(path_type=Path, exists=True), help="To train on.")
@click.option("--test", type=click.Path(path_type=Path, exists=True), help="A folder of images to judge on.")
@click.option("--weights", "folder", type=click.Path(path_type=Path), help="The folder of the float weights.")
@click.option("--network", "names", multiple=True, type=click.Choice(NETWORKS), help="Only this; may be repeated.")
@click.option("--minutes", default=9.0, show_default=True, help="Of each training in float.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The JSON file that keeps the rows.")
@click.option("--markdown", "only_table", is_flag=True, help="Only print the file's rows, as a table in Markdown.")
@threads_option
def main(
    photos: Sequence[Path],
    test: Path | None,
    folder: Path | None,
    names: Sequence[str],
    minutes: float,
    out: Path,
    only_table: bool,
    threads: int,
) -> None:
    """Judge the cases that are not in the file yet, and print all as a table in Markdown."""
    if only_table:
        click.echo(markdown(json.loads(out.read_text())), nl=False)
        return
    if not photos or test is None or folder is None:
        raise click.UsageError("--photos, --test and --weights are needed, unless there is --markdown")
    torch.set_num_threads(threads)
    setting = {"steps": STEPS, "learning_rate": RATE, "batch": BATCH, "calibrated_on": CALIBRATED_ON, "patch": PATCH}
    kept = KeptRows(out, setting)
    digests = {name: train_float(name, photos, folder, minutes) for name in names or NETWORKS}
    kept.rows = [row for row in kept.rows if digests.get(row["network"], row["weights"]) == row["weights"]]
    for case in cases(digests):
        if not kept.has(asdict(case)):
            kept.add(row_of(case, photos, test, weights_of(case.network, folder)))
            click.echo(f"{case.network}, {case.way}, seed {case.seed}: {kept.rows[-1]['psnr_y']:.3f} dB")
    click.echo(markdown({"rows": kept.rows}), nl=False)


if __name__ == "__main__":
    main()
