"""Targets as they are named for a run: what its spec says of one holds where nothing else is said."""

from collections.abc import Mapping
from typing import Any

from pydantic import RootModel

from qnas.core.components import Target
from qnas.core.run.record import RunRecord
from qnas.core.spec.document import Document
from qnas.core.spec.load import validate


def stated_target(run: RunRecord, name: str) -> dict[str, Any]:
    """A target as the spec of a run has it, as plain data; nothing but the name if the spec does not name it."""
    exported, target = run.spec_data.get("export"), run.spec_data.get("target")
    stated = [*(exported if isinstance(exported, list) else []), target]
    return next((dict(one) for one in stated if isinstance(one, dict) and one.get("name") == name), {"name": name})


def target_of(given: str | Mapping[str, Any] | Target, run: RunRecord) -> Target:
    """A target that is given by its name, with its fields, or as it is.

    Raises:
        InputError: It is not registered, or a field is not valid.
    """
    if isinstance(given, Target):
        return given
    fields = {"name": given} if isinstance(given, str) else dict(given)
    name = Target.named(str(fields.get("name"))).name
    document = Document({"target": {**stated_target(run, name), **fields}}, "export")
    return validate(document, RootModel[dict[str, Target]]).root["target"]
