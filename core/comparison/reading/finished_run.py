"""A finished run, read from its folder."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from qnas.core.comparison.fields import Fields, canonical, fields_of
from qnas.core.comparison.reading.point import Point
from qnas.core.files.folder import RunFolder
from qnas.core.run.record import RunRecord

_DECIDES_NOTHING = {"name", "seed", "version", "baselines"}


@dataclass(frozen=True)
class LeftOut:
    """A run that can't be compared, and why."""

    folder: Path
    why: str


class FinishedRun:
    """A run that has been judged: a view of its record.

    Args:
        run: Its record.
        point: Which point of a sweep it is, None if it is not part of one.
        spec: Its spec, where what it lacks need not be filled in.

    Attributes:
        folder: Its folder.
        result: result.json.
        images: Test set to its images, each with its scores.
        environment: environment.json, empty if it is missing.
        search: What the search left beside the architecture.
        point: Which point of a sweep it is, None if it is not part of one.
    """

    def __init__(self, run: RunRecord, point: Point | None = None, spec: Mapping[str, Any] | None = None) -> None:
        self.run = run
        self._spec = spec
        self.folder = run.path
        self.result = run.result
        self.images = run.scores
        self.environment = run.environment
        self.search = run.stages["search"]
        self.point = point

    @classmethod
    def read(cls, path: Path, point: Point | None = None) -> "FinishedRun":
        """Read a run's folder.

        Raises:
            InputError: The run is not finished, or a file is damaged.
        """
        run = RunRecord(RunFolder(path))
        run.spec_data  # noqa: B018 - a damaged one is refused now
        run.refuse_unfinished()
        return cls(run, point)

    def as_it_stands(self) -> "FinishedRun":
        """The same run, with nothing filled in that its spec lacks."""
        return FinishedRun(self.run, self.point, self.run.spec_data)

    @property
    def spec(self) -> Mapping[str, Any]:
        """spec.yaml, with the fields that it lacks as they were at its version. Filling them in loads torch."""
        return self.run.whole_spec if self._spec is None else self._spec

    @property
    def name(self) -> str:
        """The name in its spec."""
        return str(self.spec.get("name", self.folder.name))

    @property
    def front(self) -> str | None:
        """The name of the run whose search found the front that it is a point of, which may be itself; else None."""
        if "front" in self.run.parent:
            return str(self.run.parent.get("name"))
        return self.name if self.run.front else None

    @property
    def seed(self) -> int | None:
        """The seed in its spec."""
        seed = self.spec.get("seed")
        return seed if isinstance(seed, int) else None

    @property
    def scale(self) -> Any:
        """The factor of super-resolution."""
        return self.spec.get("scale")

    @cached_property
    def fields(self) -> Fields:
        """The fields of its spec by their paths, without name, seed, version and baselines; which of these it is."""
        own = {path: value for path, value in fields_of(self.spec).items() if path not in _DECIDES_NOTHING}
        return own if self.run.baseline is None else {**own, "baseline": self.run.baseline}

    @cached_property
    def protocol(self) -> str:
        """A text that runs of equal specs share, whatever their names and seeds."""
        return canonical(self.fields)

    def figure(self, *path: str) -> float | None:
        """A number of its result.json, None if it is not there or not finite."""
        return number(self.result, *path)

    @property
    def report(self) -> Path | None:
        """The page that explains it, if there is one."""
        return self.run.page


def number(data: Any, *path: str) -> float | None:
    """The finite number at a path of nested mappings, or None."""
    for key in path:
        data = data.get(key) if isinstance(data, Mapping) else None
    is_number = isinstance(data, int | float) and not isinstance(data, bool) and math.isfinite(data)
    return data if is_number else None
