"""Float weights for networks that others wrote, at x4, to search or to quantize from.

    python benchmarks/own_networks.py --photos ~/photos/train --out own     # about an hour

Two thirds of the photographs are to train on; the others are linked in `own/test`. The minutes are those of a
processor, so other work does not shorten a training. Weights that are there already are not trained again, so you can
stop the program and start it again.

Most networks are those of spandrel (`pip install --no-deps spandrel`); Swin2SR is that of transformers.
"""

import hashlib
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import torch
from PIL import Image
from torch import nn

from qnas.core.components import Dataset, Degradation
from qnas.core.files.folder import RunFolder
from qnas.core.images.loading import load_images
from qnas.core.images.pairs import ImagePair
from qnas.core.images.patches import PatchSampler
from qnas.core.training.machine import Machine
from qnas.core.training.schedule import Schedule
from qnas.core.training.trainer import Trainer
from qnas.spaces.module import ModuleSpace

SCALE = 4
CPU = torch.device("cpu")
RATE, BATCH, PATCH = 1e-3, 8, 24
HELD_OUT = 8
TRIED = 12
"""Steps that are timed before a training."""
SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp"}


def _of_spandrel(architecture: str, **arguments: object) -> dict[str, Any]:
    return {"target": "spandrel_networks:make", "arguments": {"architecture": architecture, **arguments}}


NETWORKS: Mapping[str, Mapping[str, Any]] = {
    "compact": _of_spandrel("Compact/SRVGG:SRVGGNetCompact", num_feat=24, num_conv=8, upscale=SCALE),
    "compact-16": _of_spandrel("Compact/SRVGG:SRVGGNetCompact", num_feat=24, num_conv=16, upscale=SCALE),
    "rcan": _of_spandrel("RCAN/rcan_arch:RCAN", scale=SCALE, n_resgroups=1, n_resblocks=4, n_feats=16),
    "rrdb": _of_spandrel("ESRGAN/RRDB:RRDBNet", num_filters=24, num_blocks=1, scale=SCALE),
    "swin2sr": {
        "target": "transformers:Swin2SRForImageSuperResolution",
        "arguments": {
            "config": {
                "target": "transformers:Swin2SRConfig",
                "arguments": {
                    "embed_dim": 24,
                    "depths": [2, 2],
                    "num_heads": [4, 4],
                    "window_size": 8,
                    "drop_path_rate": 0.0,
                    "upsampler": "pixelshuffledirect",
                    "upscale": SCALE,
                },
            }
        },
        "output": "reconstruction",
        "multiple": 8,
    },
}
"""The fields of the space `module` for each."""


def space_of(name: str, **fields: object) -> dict[str, Any]:
    """The space of a network, as a spec has it."""
    return {"name": "module", **NETWORKS[name], **fields}


def network(name: str) -> nn.Module:
    """A network, with fresh weights."""
    return ModuleSpace.model_validate(space_of(name)).make(SCALE)


def weights_of(name: str, folder: Path) -> Path:
    """Where the float weights of a network are kept."""
    return folder / f"{name}.safetensors"


def train_float(name: str, photos: Sequence[Path], folder: Path, minutes: float) -> str:
    """Train a network in float, and keep its weights in a folder, unless they are there; gives their SHA-256."""
    weights = weights_of(name, folder)
    if not weights.exists():
        _train(name, photos, weights, minutes)
    return hashlib.sha256(weights.read_bytes()).hexdigest()


def _train(name: str, photos: Sequence[Path], weights: Path, minutes: float) -> None:
    dataset = Dataset.of({"name": "folder", "path": [str(path) for path in photos]})
    images = load_images(dataset, SCALE, Degradation.of("matlab"))
    steps = _steps_within(60 * minutes, name, images)

    def report(step: int, metrics: dict[str, object]) -> None:
        click.echo(f"{name} {step}/{steps}: PSNR {metrics['psnr']:.2f} dB on {HELD_OUT} images held out")

    trained = _trainer(name, images, Schedule(steps, RATE, validations=6), on_validation=report).run()
    RunFolder(weights.parent).write_tensors(weights.name, trained.best, steps=f"{steps}")


def _trainer(name: str, images: Sequence[ImagePair], schedule: Schedule, **reports: Callable[..., object]) -> Trainer:
    torch.manual_seed(0)
    machine = Machine(CPU)
    batches = PatchSampler(images[HELD_OUT:], SCALE, PATCH, BATCH, augment=True, seed=(0, 0), device=CPU)
    return Trainer(machine, machine.place(network(name)), batches, images[:HELD_OUT], schedule, **reports)


def _steps_within(seconds: float, name: str, images: Sequence[ImagePair]) -> int:
    """How many steps take so many seconds of a processor, judging by a few of them."""
    ends: list[float] = []
    few = Schedule(TRIED, RATE, validations=0)
    _trainer(name, images, few, on_step=lambda *_: ends.append(time.process_time())).run()
    first, *_, last = ends
    return max(1, round(seconds * (TRIED - 1) / (last - first)))


def split(photos: Sequence[Path], out: Path) -> None:
    """Link every third photograph that is large enough into ``out/test``, and the others into ``out/train``."""
    files = sorted(file for folder in photos for file in folder.rglob("*") if _is_large_enough(file))
    for part in ("train", "test"):
        shutil.rmtree(out / part, ignore_errors=True)
        (out / part).mkdir(parents=True)
    for index, file in enumerate(files):
        part = "train" if index % 3 else "test"
        (out / part / f"{index:05d}{file.suffix.lower()}").symlink_to(file.resolve())


def _is_large_enough(file: Path) -> bool:
    if file.suffix.lower() not in SUFFIXES:
        return False
    with Image.open(file) as image:
        return min(image.size) >= SCALE * PATCH


@click.command(help=__doc__.splitlines()[0])
@click.option("--photos", required=True, multiple=True, type=click.Path(path_type=Path, exists=True))
@click.option("--out", required=True, type=click.Path(path_type=Path))
@click.option(
    "--network", "names", multiple=True, type=click.Choice(list(NETWORKS)), help="Only this; may be repeated."
)
@click.option("--minutes", default=12.0, show_default=True, help="Of a training.")
def main(photos: Sequence[Path], out: Path, names: Sequence[str], minutes: float) -> None:
    """Train the float networks."""
    if not (out / "train").exists():
        split(photos, out)
    for name in names or NETWORKS:
        train_float(name, [out / "train"], out, minutes)


if __name__ == "__main__":
    main()
