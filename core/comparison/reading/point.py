"""sweep.json, in which a sweep lists its points: the values of the varied fields of each run."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qnas.core.sweep.index import read_index


@dataclass(frozen=True)
class Point:
    """One run of a sweep.

    Attributes:
        sweep: The sweep's folder.
        folder: The run's.
        variant: The variant of the spec that it belongs to, if the sweep has any.
        values: What was varied: path of a field to its value.
        varied: All paths that the sweep varies.
    """

    sweep: Path
    folder: Path
    variant: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    varied: tuple[str, ...] = ()


def sweep_points(sweep: Path) -> dict[Path, Point]:
    """The points of the sweep in a folder by their resolved folders, whether they have run or not; none without sweep.

    Raises:
        InputError: Its sweep.json can't be read, or is of another version.
    """
    entries = read_index(sweep)
    varied = tuple(dict.fromkeys(path for entry in entries for path in entry.values))
    points = [Point(sweep, sweep / entry.folder, entry.variant, entry.values, varied) for entry in entries]
    return {point.folder.resolve(): point for point in points}


class Sweeps:
    """The sweeps that runs belong to, each read once."""

    def __init__(self) -> None:
        self._points = functools.cache(sweep_points)

    def point_of(self, run: Path) -> Point | None:
        """The point of a sweep that a run is, None if it is not part of one.

        Raises:
            InputError: The sweep.json of a folder that it is in can't be read.
        """
        place = run.resolve()
        return next((point for parent in place.parents if (point := self._points(parent).get(place))), None)
