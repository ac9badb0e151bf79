"""A finished run, read from its folder."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from qnas.core.comparison.fields import Fields, canonical, fields_of
from qnas.core.comparison.point import Point
from qnas.core.errors import InputError
from qnas.core.files.folder import RunFolder
from qnas.core.run.costs import as_named_now
from qnas.core.spec.document import parse
from qnas.core.spec.kept import complete

_DECIDES_NOTHING = {"name", "seed", "version"}


@dataclass(frozen=True)
class LeftOut:
    """A run that can't be compared, and why."""

    folder: Path
    why: str


@dataclass(frozen=True)
class FinishedRun:
    """A run that has been judged.

    Attributes:
        folder: Its folder.
        spec: spec.yaml, with the fields that it lacks as they were at its version.
        result: result.json.
        images: Test set to its images, each with its scores.
        environment: environment.json, empty if it is missing.
        search: What the search left beside the architecture (search/result.json).
        point: Which point of a sweep it is, None if it is not part of one.
    """

    folder: Path
    spec: Mapping[str, Any]
    result: Mapping[str, Any]
    images: Mapping[str, Mapping[str, Any]]
    environment: Mapping[str, Any]
    search: Mapping[str, Any]
    point: Point | None = None

    @classmethod
    def read(cls, path: Path, point: Point | None = None) -> "FinishedRun":
        """Read a run's folder.

        Raises:
            InputError: The run is not finished, or a file is damaged.
        """
        folder = RunFolder(path)
        spec = _mapping(folder.read_text("spec.yaml"), str(path / "spec.yaml"))
        if not folder.has("result.json"):
            raise InputError("the run is not finished (qnas run --resume goes on with it)", str(path))
        judged = folder.read_json("evaluate/result.json").get("images")
        if not isinstance(judged, Mapping) or not all(isinstance(images, Mapping) for images in judged.values()):
            raise InputError("has no images by test set: it is damaged", str(path / "evaluate/result.json"))
        return cls(
            path,
            complete(spec),
            as_named_now(folder.read_json("result.json")),
            judged,
            _read(folder, "environment.json"),
            _read(folder, "search/result.json"),
            point,
        )

    @property
    def name(self) -> str:
        """The name in its spec."""
        return str(self.spec.get("name", self.folder.name))

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
        """The fields of its spec by their paths, without its name, its seed and the version that it is written in."""
        return {path: value for path, value in fields_of(self.spec).items() if path not in _DECIDES_NOTHING}

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
        folder = RunFolder(self.folder)
        try:
            name = str(_read(folder, "report/result.json").get("file"))
        except InputError:
            return None
        # Only what is in the folder: a file of it must not make the comparison point elsewhere.
        return self.folder / name if Path(name).name == name and folder.has(name) else None


def number(data: Any, *path: str) -> float | None:
    """The finite number at a path of nested mappings, or None."""
    for key in path:
        data = data.get(key) if isinstance(data, Mapping) else None
    is_number = isinstance(data, int | float) and not isinstance(data, bool) and math.isfinite(data)
    return data if is_number else None


def _read(folder: RunFolder, name: str) -> Mapping[str, Any]:
    return folder.read_json(name) if folder.has(name) else {}


def _mapping(text: str, where: str) -> Mapping[str, Any]:
    data = parse(text, where).data
    if not isinstance(data, dict):
        raise InputError("is damaged: it is not a mapping", where)
    return data
