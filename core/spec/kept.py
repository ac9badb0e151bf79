"""The spec that a run keeps, read with the defaults of its version."""

import contextlib
import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from qnas.core.deprecation import QnasDeprecationWarning
from qnas.core.errors import InputError, QnasError
from qnas.core.settings import SPEC_VERSION, UNSTATED_VERSION
from qnas.core.settings.versioned import is_known
from qnas.core.spec.document import parse

if TYPE_CHECKING:
    from qnas.core.spec.spec import Spec

_BEFORE_DEGRADATION = 0
_ANY_NAME = "run"


def version_of(kept: Any) -> Any:
    """The version of a run's spec.

    The first runs did not state it: they have version 1, except for those from before ``data.degradation``, whose LR
    images were made by Pillow's reduction.
    """
    if not isinstance(kept, Mapping) or "version" in kept:
        return kept["version"] if isinstance(kept, Mapping) else UNSTATED_VERSION
    data = kept.get("data")
    is_older = isinstance(data, Mapping) and "degradation" not in data
    return _BEFORE_DEGRADATION if is_older else UNSTATED_VERSION


def known_version(kept: Any) -> int:
    """The version of a run's spec; the newest if that is unknown."""
    version = version_of(kept)
    return version if is_known(version) else SPEC_VERSION


def read_kept(text: str, where: str) -> "Spec":
    """The spec that a run keeps, with missing fields as in its version. The network is not tried.

    Raises:
        InputError: The message has one line for each mistake.
    """
    from qnas.core.spec.load import validate
    from qnas.core.spec.spec import UNTRIED, Spec

    document = parse(text, where)
    if not isinstance(document.data, dict):
        raise InputError("a spec is a mapping of fields", document.place(()))
    document.data["version"] = version_of(document.data)
    with _under_any_name():
        return validate(document, Spec, UNTRIED)


def complete(kept: Mapping[str, Any]) -> Mapping[str, Any]:
    """The spec of a run as plain data, with missing fields as in its version.

    Fields that can't be validated, such as those of a plugin that is not installed, stay as they are. Plugin files that
    the spec names are not loaded, so that runs of strangers can be looked at.
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


@contextlib.contextmanager
def _under_any_name() -> Iterator[None]:
    """A context in which old names of fields are as good as new ones: nobody is to edit the spec that a run keeps."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", QnasDeprecationWarning)
        yield


def _completed(data: Mapping[str, Any]) -> dict[str, Any] | None:
    from qnas.core.spec.spec import WITHOUT_CODE, Spec

    try:
        with _under_any_name():
            return Spec.model_validate(data, context=WITHOUT_CODE).model_dump(mode="json")
    except (ValidationError, QnasError):
        return None
