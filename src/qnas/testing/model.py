"""The contract of models."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from qnas.core.errors import QnasError
from qnas.core.run.deployment.found import FoundNetwork, load_found
from qnas.core.run.deployment.models import CARD, card_of, model_named
from qnas.testing.failure import told_as

_PLACES = re.compile(r"(?:/home/|/Users/|/root/|/tmp/|[A-Za-z]:\\)\S*")
_SIZE = (13, 10)


def check_model(name: str) -> None:
    """Check that a model meets its contract.

    Its folder has a network that can be loaded, enlarges pictures by the scale that it states, always to the same, and
    keeps to the limits of its spec; and a card, which begins with a heading. No file of it names a place of the machine
    that it was made on, and using it changes none.

    Args:
        name: It is registered by this name.

    Raises:
        AssertionError: It breaks its contract.
    """
    with told_as(f"the model '{name}'"):
        try:
            folder, card = model_named(name), card_of(name)
            before = _digests(folder)
            found = load_found(folder, torch.device("cpu"))
        except QnasError as error:
            raise AssertionError(str(error)) from error
        assert card.startswith("# "), f"{CARD} must begin with a heading"
        _check_places(folder)
        _check_images(found)
        _check_limits(found)
        assert _digests(folder) == before, "using it changes the files in its folder"


def _digests(folder: Path) -> Mapping[str, str]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _check_places(folder: Path) -> None:
    for file in sorted(folder.iterdir()):
        if file.suffix in {".json", ".yaml", ".md"}:
            place = _PLACES.search(file.read_text(encoding="utf-8"))
            assert place is None, f"{file.name} names a place of the machine that it was made on: {place and place[0]}"


def _check_images(found: FoundNetwork) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*_SIZE, 3), dtype=np.uint8)
    with told_as("enlarging a picture"):
        made = found(image)
    expected = (*(found.scale * side for side in _SIZE), 3)
    assert made.shape == expected, f"it makes {made.shape} of {image.shape}, not {expected}"
    assert np.array_equal(found(image), made), "it makes another picture the second time"


def _check_limits(found: FoundNetwork) -> None:
    for name, limit in found.run.result.get("limits", {}).items():
        assert limit["used"] <= limit["limit"], f"it exceeds its limit on {name}: {limit['used']} of {limit['limit']}"
