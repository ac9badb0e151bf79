"""The spec that a run keeps, read as of the version that it is of."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from qnas.core.errors import InputError, QnasError
from qnas.core.settings import SPEC_VERSION, UNTOLD_VERSION
from qnas.core.settings.versioned import is_known
from qnas.core.spec.document import parse
from qnas.core.spec.load import validate
from qnas.core.spec.spec import UNTRIED, Spec

_BEFORE_DEGRADATION = 0
_ANY_NAME = "run"


def version_of(kept: Any) -> Any:
    """The version that the spec of a run is of.

    The first runs did not tell: all of them are of version 1, but for those from before ``data.degradation``, whose
    LR images were made by Pillow's reduction.
    """
    if not isinstance(kept, Mapping) or "version" in kept:
        return kept["version"] if isinstance(kept, Mapping) else UNTOLD_VERSION
    data = kept.get("data")
    is_older = isinstance(data, Mapping) and "degradation" not in data
    return _BEFORE_DEGRADATION if is_older else UNTOLD_VERSION


def known_version(kept: Any) -> int:
    """The version that the spec of a run is of; the newest if that is none which is known."""
    version = version_of(kept)
    return version if is_known(version) else SPEC_VERSION


def read_kept(text: str, where: str) -> Spec:
    """The spec that a run keeps, with what it lacks as it was at its version. Its network is not tried.

    Raises:
        InputError: One line for each thing that is wrong.
    """
    document = parse(text, where)
    if not isinstance(document.data, dict):
        raise InputError("a spec is a mapping of fields", document.place(()))
    document.data["version"] = version_of(document.data)
    return validate(document, Spec, UNTRIED)


def complete(kept: Mapping[str, Any]) -> Mapping[str, Any]:
    """The spec of a run as plain data, with what it lacks as it was at its version.

    Fields that can't be validated, as those of a plugin that is not installed, are left as they stand.
    """
    version = version_of(kept)
    whole = _completed({**kept, "version": version})
    if whole is not None:
        return whole
    least = {"name": _ANY_NAME, "version": version}
    made = {**(_completed(least) or {}), "name": kept.get("name"), "version": version}
    for field, value in kept.items():
        completed = _completed({**least, field: value})
        made[field] = value if completed is None else completed[field]
    return made


def _completed(data: Mapping[str, Any]) -> dict[str, Any] | None:
    try:
        return Spec.model_validate(data, context=UNTRIED).model_dump(mode="json")
    except (ValidationError, QnasError):
        return None
