"""A small search task."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from qnas.core.components import Dataset, Degradation, Quantizer, Regularizer, Space
from qnas.core.files.folder import RunFolder
from qnas.core.images.loading import load_images
from qnas.core.run.images import split
from qnas.core.search.task import SearchTask
from qnas.core.training.journal import Journal
from qnas.core.training.machine import Machine


@pytest.fixture
def make_task(tmp_path: Path) -> Iterator[Callable[..., SearchTask]]:
    """Make a task on the smallest basic space; its history is in a folder."""

    def make(**changes: Any) -> SearchTask:
        folder = RunFolder(tmp_path / "run")
        folder.begin_history("search")
        pairs = load_images(Dataset.of({"name": "dead-leaves", "amount": 8, "size": 32}), 2, Degradation.of("matlab"))
        settings: dict[str, Any] = {
            "space": Space.of({"name": "basic", "channels": 6, "cells": 1}),
            "scale": 2,
            "search_quantizer": Quantizer.of("noise"),
            "train_quantizer": Quantizer.of("lsq"),
            "regularizers": {},
            "images": split(pairs, 2, 0),
            "patch": 8,
            "augment": True,
            "machine": Machine(torch.device("cpu")),
            "seed": 0,
            "journal": Journal(folder, "search"),
        }
        return SearchTask(**{**settings, **changes})

    yield make


@pytest.fixture
def regularizers() -> dict[str, Regularizer]:
    names = {"entropy": 0.1, "cost": 0.1}
    return {name: Regularizer.of({"name": name, "weight": weight}) for name, weight in names.items()}
