"""Folders of finished runs with known figures, written by hand: nothing is trained."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

IMAGES = {"Set5": ["baby", "bird", "butterfly", "head", "woman"], "Set14": [f"image-{i:02d}" for i in range(14)]}
BICUBIC = {"Set5": 28.43, "Set14": 26.09}
SPEC: Mapping[str, Any] = {
    "name": "run",
    "seed": 0,
    "scale": 4,
    "precision": "float32",
    "space": {"name": "basic", "bits": [4, 8], "operations": {}, "channels": 36},
    "data": {
        "train": {"name": "folder", "path": "images/train", "amount": None},
        "test": {name: {"name": "folder", "path": f"images/{name}"} for name in IMAGES},
        "validation": 8,
        "patch": 45,
        "augment": True,
    },
    "quantizer": {"search": {"name": "noise"}, "train": {"name": "lsq"}},
    "search": {"name": "differentiable", "steps": 100},
    "regularizers": {"cost": {"name": "cost", "weight": 0.001}},
    "train": {"steps": 800, "batch": 16, "learning_rate": 0.001, "start": "scratch"},
}
ENVIRONMENT: Mapping[str, Any] = {
    "device": "cpu",
    "device_name": "x86_64",
    "threads": 2,
    "python": "3.11.7",
    "packages": {"qnas": "0.1.0", "torch": "2.13.0"},
}


def with_fields(spec: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A spec with some fields, named by their paths, changed."""
    changed: dict[str, Any] = json.loads(json.dumps(spec))
    for path, value in changes.items():
        *parents, last = path.split(".")
        inner = changed
        for key in parents:
            inner = inner.setdefault(key, {})
        inner[last] = value
    return changed


def scores(psnr: float | None, bicubic: float) -> dict[str, Any]:
    """The scores of an image or a set."""
    own = None if psnr is None else psnr - 1.5
    others = {"psnr_y": bicubic, "ssim_y": 0.81, "psnr_rgb": bicubic - 1.5}
    return {"psnr_y": psnr, "ssim_y": 0.84, "psnr_rgb": own, "bicubic": others}


def result(psnr: float | None, bitops: float, **changes: Any) -> dict[str, Any]:
    """result.json of a run that reaches ``psnr`` on Set14 with ``bitops`` on a small image; Set5 is 2 dB better."""
    of_sets = {"Set5": None if psnr is None else psnr + 2, "Set14": psnr}
    return {
        "test": {name: scores(value, BICUBIC[name]) for name, value in of_sets.items()},
        "bitops": {"32x32": bitops, "256x256": 64 * bitops},
        "macs": {"32x32": bitops / 32, "256x256": 2 * bitops},
        "params": 60_000,
        "size": 40_000,
        "seconds": {"search": 120.0, "derive": 0.5, "train": 240.0, "evaluate": 4.0},
        "discretization_gap_db": 0.4,
        "ties": [],
        **changes,
    }


def write_run(
    folder: Path,
    psnr: float | None = 27.5,
    bitops: float = 4e9,
    *,
    fields: Mapping[str, Any] | None = None,
    search: Mapping[str, Any] | None = None,
    files: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Path:
    """Write a finished run.

    Args:
        folder: Where.
        psnr: On Set14, in dB.
        bitops: On an LR image of 32 x 32.
        fields: Of the spec, by their paths.
        search: search/result.json.
        files: Other files by name, with their content; None leaves a file out.
        changes: To result.json.
    """
    made = result(psnr, bitops, **changes)
    images = {
        name: dict.fromkeys(images, scores(made["test"][name]["psnr_y"], BICUBIC[name]))
        for name, images in IMAGES.items()
        if name in made["test"]
    }
    contents: dict[str, Any] = {
        "spec.yaml": yaml.safe_dump(with_fields(SPEC, {"name": folder.name, **(fields or {})})),
        "environment.json": ENVIRONMENT,
        "result.json": made,
        "evaluate/result.json": {"images": images},
        "search/result.json": search or {"entropy_at_start": 2.0, "entropy_at_end": 0.1, "ties": [], "ties_at_end": []},
        "report/result.json": {"file": "report.html"},
        "report.html": "<p>report</p>",
        **(files or {}),
    }
    for name, content in contents.items():
        if content is not None:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


class SweepFolder:
    """A sweep under way: points are written one by one, and :meth:`finish` lists them.

    Args:
        folder: Where.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.points: list[dict[str, Any]] = []

    def add(
        self, variant: str | None, values: Mapping[str, Any], seed: int, *, run: bool = True, **of_run: Any
    ) -> Path:
        """Write a point; with ``run=False`` it is planned only."""
        named = ",".join(f"{path.split('.')[-1]}={value}" for path, value in values.items())
        place = "/".join(filter(None, (variant, named, f"seed-{seed}")))
        self.points.append({"folder": place, "variant": variant, "values": dict(values), "seed": seed})
        fields = {**of_run.pop("fields", {}), **values, "seed": seed, "name": variant or "run"}
        return write_run(self.folder / place, fields=fields, **of_run) if run else self.folder / place

    def finish(self) -> Path:
        """Write sweep.json, and return the sweep's folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "sweep.json").write_text(json.dumps({"format": 1, "points": self.points}))
        return self.folder
