"""A small finished run with known figures, made by hand."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from qnas.core.components import Space
from qnas.core.files.folder import RunFolder
from qnas.core.network import Architecture, slot_candidates

SPACE = {"name": "basic", "channels": 6, "cells": 1, "bits": [4, [4, 8]], "operations": ["conv1x1", "conv3x3"]}
SCORES = {
    "psnr_y": 32.763,
    "ssim_y": 0.92854,
    "psnr_rgb": 30.967,
    "bicubic": {"psnr_y": 31.987, "ssim_y": 0.9153, "psnr_rgb": 30.281},
}
SPEC = {
    "name": "tiny",
    "scale": 2,
    "space": SPACE,
    "quantizer": {"search": {"name": "noise"}, "train": {"name": "lsq"}},
    "search": {"name": "differentiable"},
}
RESULT = {
    "test": {"photos": SCORES},
    "bitops": {"32x32": 311_427_072, "256x256": 19_931_332_608},
    "macs": {"32x32": 12_331_008, "256x256": 789_184_512},
    "params": 11_790,
    "size_bytes": 9_471,
    "seconds": {"search": 18.62, "derive": 0.044, "train": 15.476, "evaluate": 0.65},
    "discretization_gap_db": 0.01892,
    "ties": [],
}
TIE = {"slot": "upsample", "first": "conv3x3 @ 4", "second": "conv5x5 @ 4", "margin": 0.0123}


def architecture() -> Architecture:
    """The last candidate of every slot, the first of the upsampler."""
    space = Space.of(SPACE)
    slots = slot_candidates(space, 2)
    return Architecture.from_candidates(
        space, 2, {path: options[0 if path == "upsample" else -1] for path, options in slots.items()}
    )


def search_history() -> list[dict[str, Any]]:
    """Three epochs in which the chosen candidates win."""
    chosen = architecture().candidates()
    slots = slot_candidates(Space.of(SPACE), 2)

    def row(path: str, epoch: int) -> dict[str, float]:
        rest = [c.label for c in slots[path] if c != chosen[path]]
        won = (0.4, 0.7, 0.94)[epoch]
        return {chosen[path].label: won, **{label: (1 - won) / len(rest) for label in rest}}

    return [
        {
            "step": 10 * (epoch + 1),
            "epoch": epoch,
            "psnr": 20.0 + epoch,
            "supernet_psnr": 25.0,
            "objective": 1.0 - epoch,
            "bitops": 1e9 - 1e8 * epoch,
            "entropy": 2.0 - epoch,
            "probabilities": {path: row(path, epoch) for path in slots},
        }
        for epoch in range(3)
    ]


def png() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (4, 4), (200, 30, 30)).save(stream, "PNG")
    return stream.getvalue()


def files() -> dict[str, Any]:
    """Name to content for all files of a run: a mapping becomes JSON, a list becomes JSON lines."""
    return {
        "spec.yaml": yaml.safe_dump(SPEC, sort_keys=False),
        "architecture.json": json.loads(architecture().to_json()),
        "environment.json": {"command": ["qnas", "run"], "seed": 7, "packages": {"qnas": "9.9.9"}},
        "search/history.jsonl": search_history(),
        "search/result.json": {"ties": [TIE], "ties_at_end": [TIE], "best_epoch": 1},
        "derive/result.json": {"supernet_psnr_y": 27.953, "found_psnr_y": 27.934},
        "train/history.jsonl": [{"step": s, "loss": 1 / s, "psnr": 27.0 + s} for s in (1, 2, 3)],
        "train/result.json": {"best_step": 3},
        "evaluate/result.json": {"images": {"photos": {"rocket": SCORES}}},
        "examples/index.json": {"examples": [{"set": "photos", "image": "rocket", "stem": "photos-rocket"}]},
        **{f"examples/photos-rocket-{kind}.png": png() for kind in ("lr", "bicubic", "ours", "hr")},
        "result.json": RESULT,
    }


class Tiny:
    """The run's parts, and :meth:`make` to write it.

    Attributes:
        history: Of the search.
        architecture: What was found.
    """

    result = RESULT
    scores = SCORES
    spec = SPEC

    def __init__(self, path: Path) -> None:
        self.path = path
        self.history = search_history()
        self.architecture = architecture()

    def make(self, changes: dict[str, Any] | None = None) -> RunFolder:
        """The folder; ``{"result.json": None}`` leaves that file out, another value replaces it."""
        folder = RunFolder(self.path)
        for name, content in {**files(), **(changes or {})}.items():
            if isinstance(content, dict):
                folder.write_json(name, content)
            elif isinstance(content, list):
                folder.write_text(name, "".join(json.dumps(line) + "\n" for line in content))
            elif content is not None:
                folder.write_bytes(name, content if isinstance(content, bytes) else content.encode())
        return folder


@pytest.fixture(scope="session")
def tiny_run() -> type[Tiny]:
    """Makes a small finished run at a path."""
    return Tiny


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    """A small finished run."""
    return Tiny(tmp_path / "run")
