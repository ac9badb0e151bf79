"""A run that was made from Python, and what it is made of."""

from typing import Any

import pytest

import qnas

IMAGES = {"name": "dead-leaves", "amount": 12, "size": 32}
TEST = {"leaves": {"name": "dead-leaves", "amount": 2, "size": 48, "seed": 1}}
SPACE = {"name": "basic", "channels": 6, "cells": 1, "bits": [4, 8]}
SMALL: dict[str, Any] = {
    "scale": 2,
    "data": {"patch": 8, "validation": 2},
    "search": {"steps": 6, "epochs": 3, "batch": 2, "tuning": 0},
    "train": {"steps": 6, "batch": 2, "validations": 1},
}


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> qnas.RunRecord:
    """A finished run, which no test changes."""
    folder = tmp_path_factory.mktemp("api") / "run"
    with pytest.warns(qnas.QnasWarning, match="undecided"):
        return qnas.search(SPACE, IMAGES, test=TEST, limits={"bitops": "60M"}, folder=folder, **SMALL)
