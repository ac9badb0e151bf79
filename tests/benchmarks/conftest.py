"""Benchmarks, imported as scripts would be."""

import importlib
import sys
from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).parents[2] / "benchmarks"
NAMES = [path.stem for path in FOLDER.glob("*.py")]


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch):
    """Imports a benchmark as a script would be, made small."""
    monkeypatch.syspath_prepend(FOLDER)

    def load(name: str):
        search_step = importlib.import_module("search_step")
        for constant, value in {
            "PATCH": 8,
            "BATCH": 1,
            "SPACE": {**search_step.SPACE, "channels": 6, "cells": 1},
        }.items():
            monkeypatch.setattr(search_step, constant, value)
        return importlib.import_module(name)

    threads = torch.get_num_threads()
    yield load
    torch.set_num_threads(threads)  # others need theirs, for the same bits
    for name in NAMES:
        sys.modules.pop(name, None)
