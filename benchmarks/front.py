"""What a front from one search is worth: each of its points beside a search of its own at the same cost.

    python benchmarks/front.py --photos ~/General100 --out front.json

For each seed and space, one search looks for a front of five points, and each point is trained. Then a separate
search, of half as many steps, looks for one network that costs no more BitOps than the point, and it is trained by the
same protocol. Times are those of the processor: of the search, with the judging at its end.

Rows that are already in the file are not computed again, so you can stop the program and start it again.
"""

import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import click
import yaml
from kept_rows import KeptRows

from qnas.core.cli.main import invoke
from qnas.core.errors import QnasError
from qnas.core.files.folder import RunFolder
from qnas.core.run.record import RunRecord

Spec = dict[str, Any]

POINTS = 5
STEPS = 300
"""Of a separate search; the front takes twice as many."""
SEARCH: Spec = {"epochs": 10, "warmup": 3, "batch": 8, "alpha_learning_rate": 0.05}
TRAIN: Spec = {"steps": 600, "batch": 16, "learning_rate": 0.002}
SPACE: Spec = {"name": "basic", "channels": 18, "cells": 2, "residual": "adq", "image_residual": "bicubic"}
SPACES: Mapping[str, Spec] = {
    "bits": {**SPACE, "bits": [2, 3, 4, 6, 8], "operations": ["native"]},
    "operations": {**SPACE, "bits": [2, 4, 8], "operations": ["native", "conv1x1", "conv5x5"]},
}
SETTING = {"points": POINTS, "steps": STEPS, "search": SEARCH, "train": TRAIN, "spaces": SPACES}
TEST = "photos"


def spec_of(space: str, seed: int, photos: Path | None, search: Spec, limits: Spec) -> Spec:
    """The spec of a run."""
    train = {"name": "folder", "path": str(photos)} if photos else {"name": "dead-leaves", "amount": 128, "size": 128}
    return {
        "name": "front",
        "seed": seed,
        "scale": 2,
        "space": SPACES[space],
        "data": {"train": train, "test": {TEST: "photos"}, "patch": 24},
        "search": {**SEARCH, **search},
        "limits": limits,
        "regularizers": {"entropy": {"weight": 0.01}},
        "train": TRAIN,
    }


def searched(spec: Spec, folder: Path) -> float:
    """Run a spec in a folder, and return the seconds of its search."""
    file = folder.with_suffix(".yaml")
    file.write_text(yaml.safe_dump(spec))
    began = time.process_time()
    _do("run", file, "--out", folder, "--until", "search")
    seconds = time.process_time() - began
    _do("run", file, "--out", folder, "--resume")
    return seconds


def _do(*arguments: object) -> None:
    if invoke([*map(str, arguments)]):
        raise QnasError(f"this failed: qnas {' '.join(map(str, arguments))}")


def figures(folder: Path) -> dict[str, float]:
    """What a trained network costs, and how good it is."""
    result = RunRecord(RunFolder(folder)).result
    return {"bitops": result["bitops"]["32x32"], "psnr": result["test"][TEST]["psnr_y"]}


def front_rows(space: str, seed: int, photos: Path | None) -> Iterator[dict[str, Any]]:
    """A row for each point of a front."""
    with tempfile.TemporaryDirectory() as there:
        parent = Path(there) / "front"
        seconds = searched(spec_of(space, seed, photos, {"steps": 2 * STEPS, "front": POINTS}, {}), parent)
        points = RunRecord(RunFolder(parent)).front
        _do("derive", parent, "--front", "all", "-o", Path(there) / "points")
        folders = [*(Path(there) / "points" / f"front-{number}" for number in range(1, len(points))), parent]
        for number, folder in enumerate(folders, 1):
            yield {"point": number, "of": len(points), **figures(folder), "seconds": seconds}


def separate_row(space: str, seed: int, photos: Path | None, bitops: int) -> dict[str, Any]:
    """The row of a separate search at a cost."""
    with tempfile.TemporaryDirectory() as there:
        folder = Path(there) / "separate"
        seconds = searched(spec_of(space, seed, photos, {"steps": STEPS}, {"bitops": bitops}), folder)
        return {**figures(folder), "seconds": seconds}


def table(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The rows as Markdown: for each point, the front's network and that of its own search, mean over the seeds."""
    yield "| space | point | BitOps | front | separate search | front - separate |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for space, number in product(SPACES, range(1, POINTS + 1)):
        pairs = [pair for pair in _pairs(rows, space) if pair[0]["point"] == number]
        if pairs:
            ours, theirs = (statistics.mean(pair[side]["psnr"] for pair in pairs) for side in (0, 1))
            changes = [one["psnr"] - other["psnr"] for one, other in pairs]
            each = ", ".join(f"{change:+.2f}" for change in changes)
            bitops = statistics.mean(one["bitops"] for one, _ in pairs)
            change = f"{statistics.mean(changes):+.2f} ({each})"
            yield f"| {space} | {number} | {bitops / 1e6:.0f} M | {ours:.2f} dB | {theirs:.2f} dB | {change} |"


def times(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The times as Markdown: of the search for a front, and of a separate one, mean over the seeds."""
    yield "| space | search for the front | one separate search | times as long | separate searches together |"
    yield "| --- | --- | --- | --- | --- |"
    for space in SPACES:
        pairs = list(_pairs(rows, space))
        if pairs:
            seeds = len({one["seed"] for one, _ in pairs})
            ours = statistics.mean(one["seconds"] for one, _ in pairs)
            theirs = [other["seconds"] for _, other in pairs]
            one = statistics.mean(theirs)
            yield f"| {space} | {ours:.0f} s | {one:.0f} s | {ours / one:.1f} | {sum(theirs) / seeds:.0f} s |"


def _pairs(rows: Sequence[Mapping[str, Any]], space: str) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """The rows of a front, each with that of the separate search at its cost."""
    of_space = [row for row in rows if row["space"] == space]
    separate = {(row["seed"], row["point"]): row for row in of_space if row["way"] == "separate"}
    for row in of_space:
        key = row["seed"], row["point"]
        if row["way"] == "front" and key in separate:
            yield row, separate[key]


@click.command(help=__doc__.splitlines()[0])
@click.option("--photos", type=click.Path(path_type=Path, exists=True), help="To train on [default: generated images].")
@click.option("--space", "spaces", multiple=True, type=click.Choice(list(SPACES)), default=list(SPACES))
@click.option("--seed", "seeds", multiple=True, type=int, default=[0, 1, 2], show_default=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The file to write.")
def main(photos: Path | None, spaces: Sequence[str], seeds: Sequence[int], out: Path) -> None:
    """Search and train, and print what came out as tables in Markdown."""
    kept = KeptRows(out, {**SETTING, "photos": photos.name if photos else None})
    for seed, space in product(seeds, spaces):
        case = {"space": space, "seed": seed}
        if not kept.has({**case, "way": "front"}):
            for row in list(front_rows(space, seed, photos)):
                kept.add({**case, "way": "front", **row})
        for row in [row for row in kept.rows if row["way"] == "front" and (row["space"], row["seed"]) == (space, seed)]:
            own = {**case, "way": "separate", "point": row["point"]}
            if not kept.has(own):
                kept.add({**own, **separate_row(space, seed, photos, row["bitops"])})
    click.echo("\n".join([*table(kept.rows), "", *times(kept.rows)]))


if __name__ == "__main__":
    main()
