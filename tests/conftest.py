"""What all tests share: a cache of their own, and a small spec that runs in seconds."""

import os
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as the command line does, before torch is imported

import pytest
import torch


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep generated images out of the user's cache; one for the session, so that they are made once."""
    before = os.environ.get("QNAS_CACHE")
    os.environ["QNAS_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["QNAS_CACHE"]
    else:
        os.environ["QNAS_CACHE"] = before


@pytest.fixture(scope="session", autouse=True)
def few_threads() -> None:
    torch.set_num_threads(min(2, os.cpu_count() or 1))


TINY = """\
name: tiny
scale: 2
space:
  name: basic
  channels: 6
  cells: 1
  bits: [4, 8]
data:
  train: {name: dead-leaves, amount: 12, size: 32}
  test: {leaves: {name: dead-leaves, amount: 2, size: 48, seed: 1}}
  validation: 2
  patch: 8
search: {steps: 6, epochs: 3, batch: 2, alpha_learning_rate: 0.1}
train: {steps: 6, batch: 2, validations: 3}
"""


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A spec file that runs in a second or two."""
    path = tmp_path / "spec.yaml"
    path.write_text(TINY)
    return path
