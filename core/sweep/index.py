"""sweep.json: the points that a sweep's folder has."""

from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from qnas.core.errors import InputError, first_line
from qnas.core.files.folder import RunFolder
from qnas.core.settings import SPEC_VERSION, UNSTATED_VERSION, version_in_force
from qnas.core.settings.versioned import Version

if TYPE_CHECKING:
    from qnas.core.sweep.plan import Point

INDEX = "sweep.json"
_FORMAT = 1


def _inside(folder: str) -> str:
    """A relative path that stays inside the folder that it begins in."""
    path = PurePath(folder)
    if not folder.isprintable() or not path.parts or ".." in path.parts or path.anchor:
        raise ValueError("must be a folder inside the sweep's")
    return folder


class Entry(BaseModel):
    """A point as sweep.json lists it.

    Attributes:
        folder: The run's folder, relative to the sweep's.
        variant: The variant of the spec that it belongs to, if the sweep has any.
        values: The varied fields: path to value.
        seed: Its seed.
        steps: How many steps its stages will report; none in sweeps of before.
    """

    model_config = ConfigDict(frozen=True)

    folder: Annotated[str, AfterValidator(_inside)]
    variant: str | None = None
    values: dict[str, Any] = {}
    seed: int | None = None
    steps: dict[str, int] = {}


class _Content(BaseModel):
    version: Annotated[Version, Field(le=SPEC_VERSION)] = UNSTATED_VERSION
    points: list[Entry]


def read_index(folder: Path) -> list[Entry]:
    """What the sweep.json of a folder lists; nothing where there is none.

    Raises:
        InputError: It is damaged or of another version.
    """
    content = _read(folder)
    return content.points if content else []


def sweep_version(folder: Path) -> int:
    """The version of the spec that a sweep began with: all of its points are of it. The newest if it has not begun.

    Raises:
        InputError: Its sweep.json is damaged or of another version.
    """
    content = _read(folder)
    return content.version if content else SPEC_VERSION


def _read(folder: Path) -> _Content | None:
    kept = RunFolder(folder)
    if not kept.has(INDEX):
        return None
    data, where = kept.read_json(INDEX), str(folder / INDEX)
    if data.get("format") != _FORMAT:
        raise InputError(f"has format {data.get('format')}, not {_FORMAT}: another version of qnas wrote it", where)
    try:
        return _Content.model_validate(data)
    except ValidationError as error:
        raise InputError(f"is damaged: {first_line(error)}", where) from None


def write_index(folder: Path, points: "Sequence[Point]") -> None:
    """List ``points`` and the version in the folder's sweep.json, after the points of an earlier plan that were begun.

    Raises:
        InputError: The sweep.json that is there is damaged or of another version.
    """
    now = {point.folder: _entry(point) for point in points}
    earlier = [e for e in read_index(folder) if e.folder not in now and (folder / e.folder).exists()]
    listed = [entry.model_dump() for entry in (*earlier, *now.values())]
    RunFolder(folder).write_json(INDEX, {"format": _FORMAT, "version": version_in_force(), "points": listed})


def _entry(point: "Point") -> Entry:
    return Entry(
        folder=point.folder,
        variant=point.variant,
        values=dict(point.values),
        seed=point.spec.seed,
        steps=dict(point.steps),
    )
