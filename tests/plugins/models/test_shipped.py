"""The models that come with qnas: what they weigh, what they cost, and the very images that they make."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import qnas
from qnas.core.cli.main import invoke
from qnas.core.deploy.found_integers import IntegerWeights
from qnas.core.images.pairs import degraded
from qnas.core.registry import PROJECT, plugins
from qnas.core.run.deployment.models import card_of, model_named

MODELS = [entry.name for entry in plugins().models if entry.distribution == PROJECT]
HERE = Path(__file__).parent
CHECKSUMS = {
    "x4-2g": "f09a98e40de19a23674d8368d334363971b7723b2b2f91e36d6485eaa4709afa",
    "x4-4g": "50afe42eb75765561b701e75295314f684ccb663971c870b66c09b42da3d1c98",
}
"""SHA-256 of the integers of each one's kernels."""
MOST_BYTES = 2_000_000
CROP = (slice(64, 192), slice(144, 272))
"""A part of a photograph, which is reduced to 32 x 32."""


def hr() -> np.ndarray:
    image = next(image for image in qnas.Dataset.of("photos").images(4) if image.name == "astronaut")
    return np.ascontiguousarray(image.hr[CROP])


def checksum(name: str) -> str:
    digest = hashlib.sha256()
    for path, part in sorted(qnas.load(name).integers().items()):
        if isinstance(part, IntegerWeights):
            digest.update(path.encode() + part.weights.to(torch.int64).numpy().tobytes())
    return digest.hexdigest()


def test_all_are_tested() -> None:
    assert set(MODELS) == set(CHECKSUMS)


def test_together_they_are_small() -> None:
    files = [file for name in MODELS for file in model_named(name).iterdir()]
    assert sum(file.stat().st_size for file in files) < MOST_BYTES
    assert not [file for file in files if file.suffix not in {".md", ".json", ".yaml", ".safetensors"}]


@pytest.mark.parametrize("name", MODELS)
def test_its_card_begins_with_its_name(name: str) -> None:
    assert card_of(name).startswith(f"# {name}\n")


@pytest.mark.parametrize("name", MODELS)
def test_it_keeps_to_the_limit_that_its_card_states(name: str) -> None:
    found = qnas.load(name)
    spec, architecture = found.run.spec, found.architecture
    count = qnas.count_choices(architecture.space.fresh(), found.scale, architecture.candidates(), spec.quantizer.train)
    used = round(count.total(qnas.Cost.of("bitops")))
    assert used == found.run.result["bitops"]["32x32"] <= spec.limits["bitops"]
    assert f"{used / 1e9:.2f} GBitOps" in card_of(name)


@pytest.mark.parametrize("name", MODELS)
def test_its_integers_are_the_ones_that_were_found(name: str) -> None:
    assert checksum(name) == CHECKSUMS[name]


@pytest.mark.parametrize("name", MODELS)
def test_it_enlarges_a_photograph_as_it_did(name: str, tmp_path: Path) -> None:
    """The last bit of a float depends on the processor, and may move a value to the next level."""
    lr = degraded(hr(), 4, qnas.Degradation.of("matlab"), "astronaut")
    Image.fromarray(lr).save(tmp_path / "lr.png")
    assert invoke(["upscale", name, str(tmp_path / "lr.png")]) == 0
    made = np.asarray(Image.open(tmp_path / "lr_x4.png"), np.int64)
    kept = np.asarray(Image.open(HERE / f"{name}.png"), np.int64)
    assert made.shape == kept.shape == (128, 128, 3)
    different = np.abs(made - kept)
    assert different.max() <= 2
    assert (different > 0).mean() < 0.01
