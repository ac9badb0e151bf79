"""Float weights for networks of others, to search from: those of spandrel, at x4.

    python benchmarks/own_networks.py --photos ~/photos/train --out own     # about an hour

The networks are those of foreign_networks.py. Two thirds of the photographs are to train on;
the others are linked in `own/test`. Weights that are there already are not trained again, so you can stop the program
and start it again.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

import click
import torch
from foreign_networks import NETWORKS, SCALE, network
from PIL import Image

from qnas.core.components import Dataset, Degradation
from qnas.core.images.loading import load_images
from qnas.core.images.patches import PatchSampler
from qnas.core.training.machine import Machine
from qnas.core.training.schedule import Schedule
from qnas.core.training.trainer import Trainer

STEPS, BATCH, PATCH = 6000, 16, 24
SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp"}


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


def train_float(name: str, out: Path) -> float:
    """Train a network in float, and keep its weights; returns its PSNR on held-out images, on Y in dB."""
    torch.manual_seed(0)
    images = load_images(Dataset.of({"name": "folder", "path": str(out / "train")}), SCALE, Degradation.of("matlab"))
    batches = PatchSampler(images[8:], SCALE, PATCH, BATCH, augment=True, seed=(0, 0), device=torch.device("cpu"))
    machine = Machine(torch.device("cpu"))
    schedule = Schedule(STEPS, 1e-3, validations=6)

    def report(step: int, metrics: dict[str, object]) -> None:
        click.echo(f"{name} {step}/{STEPS}: PSNR {metrics['psnr']:.2f} dB")

    trained = Trainer(machine, machine.place(network(name)), batches, images[:8], schedule, on_validation=report).run()
    torch.save(trained.best, out / f"{name}.pth")
    return trained.best_psnr


@click.command(help=__doc__.splitlines()[0])
@click.option("--photos", required=True, multiple=True, type=click.Path(path_type=Path, exists=True))
@click.option("--out", required=True, type=click.Path(path_type=Path))
@click.option("--network", "names", multiple=True, default=tuple(NETWORKS), show_default=True)
def main(photos: Sequence[Path], out: Path, names: Sequence[str]) -> None:
    """Train the float networks."""
    if not (out / "train").exists():
        split(photos, out)
    for name in names:
        if not (out / f"{name}.pth").exists():
            click.echo(f"{name}: {train_float(name, out):.2f} dB")


if __name__ == "__main__":
    main()
