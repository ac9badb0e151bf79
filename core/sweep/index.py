"""sweep.json: which points a sweep's folder has, for whoever groups them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qnas.core.engine import RunFolder
from qnas.core.errors import InputError
from qnas.core.sweep.plan import Point

INDEX = "sweep.json"
_FORMAT = 1


def write_index(folder: Path, points: Sequence[Point]) -> None:
    """List ``points`` in the folder's sweep.json, behind those of an earlier plan that were begun.

    Raises:
        InputError: The sweep.json that is there is damaged or of another version.
    """
    now = {point.folder: _entry(point) for point in points}
    earlier = [
        entry for entry in _earlier(folder) if entry["folder"] not in now and (folder / entry["folder"]).exists()
    ]
    RunFolder(folder).write_json(INDEX, {"format": _FORMAT, "points": [*earlier, *now.values()]})


def _entry(point: Point) -> dict[str, Any]:
    return {"folder": point.folder, "variant": point.variant, "values": point.values, "seed": point.spec.seed}


def _earlier(folder: Path) -> list[dict[str, Any]]:
    if not (folder / INDEX).exists():
        return []
    index = RunFolder(folder).read_json(INDEX)
    if index.get("format") != _FORMAT:
        raise InputError(f"has the format {json.dumps(index.get('format'))}, not {_FORMAT}", str(folder / INDEX))
    points = index.get("points")
    if not isinstance(points, list) or not all(
        isinstance(p, dict) and isinstance(p.get("folder"), str) for p in points
    ):
        raise InputError("is damaged: it lists no points", str(folder / INDEX))
    return points
