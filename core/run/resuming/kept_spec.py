"""The spec in a run's folder: written once, and compared with that of whoever goes on with the run."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from qnas.core.errors import InputError
from qnas.core.files.folder import RunFolder
from qnas.core.run.names import SPEC
from qnas.core.run.record import RunRecord
from qnas.core.spec import Spec, dump_spec
from qnas.core.spec.kept import read_kept
from qnas.core.spec.load import dump

MAY_CHANGE = "on_divergence"
"""What to do when a run diverges may be changed while it goes on: nothing before that depends on it."""
_VERSION = ("version",)  # what decides is what it stands for


def keep_spec(folder: RunFolder, spec: Spec) -> None:
    """Write down what a run begins with."""
    folder.write_text(SPEC, dump_spec(spec))


def refuse_other_spec(spec: Spec, folder: RunFolder) -> None:
    """Refuse to go on with a run by another spec than it began with.

    Compared is what they stand for. What to do when it diverges (``on_divergence``) may be another.

    Raises:
        InputError: They differ, and it names the first field that does; or that of the run can't be read any more.
    """
    try:
        kept = read_kept(RunRecord(folder).spec_text, SPEC)
    except InputError as error:
        first = str(error).splitlines()[0]
        raise InputError(
            f"the spec that this run began with can't be read any more: {first}", str(folder.path)
        ) from error.__cause__
    before, now = (one.model_dump(mode="json") for one in (kept, spec))
    differing = ((field, told) for field, told in _differences(before, now) if field[-1:] != (MAY_CHANGE,))
    what = next((told for field, told in differing if field != _VERSION), None)
    if what is not None:
        of = f" (it is of version {kept.version} of the spec, not {spec.version})" * (kept.version != spec.version)
        message = f"the spec is not the one that this run began with (its {SPEC}): {what}{of}"
        raise InputError(message, str(folder.path))


def note_changes(spec: Spec, folder: RunFolder) -> None:
    """Write down what may be another than the run began with; all else stays as it was written."""
    before = RunRecord(folder).spec_data
    after = _with_changes(before, spec.model_dump(mode="json"))
    if after != before:
        folder.write_text(SPEC, dump(after))


def _with_changes(before: Any, now: Any) -> Any:
    if not (isinstance(before, dict) and isinstance(now, dict)):
        return before
    changed = {MAY_CHANGE: now[MAY_CHANGE]} if MAY_CHANGE in now else {}
    return {**{key: _with_changes(value, now.get(key)) for key, value in before.items()}, **changed}


def _differences(before: Any, now: Any, field: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """The fields that differ, each with a text that has both values."""
    if not (isinstance(before, dict) and isinstance(now, dict)):
        if before != now:
            yield field, f"{'.'.join(field) or 'it'} was {before} and is {now}"
        return
    for key in {**before, **now}:
        yield from _differences(before.get(key), now.get(key), (*field, str(key)))


def identity(folder: RunFolder) -> str:
    """A text that only runs share whose specs are the same but for the name and what to do when they diverge.

    Raises:
        InputError: There is no spec, or it is damaged.
    """
    deciding = {key: value for key, value in _without(RunRecord(folder).spec_data, MAY_CHANGE).items() if key != "name"}
    return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()


def _without(data: Any, field: str) -> Any:
    if isinstance(data, list):
        return [_without(inner, field) for inner in data]
    if not isinstance(data, dict):
        return data
    return {key: _without(value, field) for key, value in data.items() if key != field}
