"""What decides a run: two runs that share it go through the same states, whatever they are called."""

import hashlib
import json
from typing import Any

from qnas.core.engine.folder import RunFolder
from qnas.core.engine.kept_spec import MAY_CHANGE, kept_data


def identity(folder: RunFolder) -> str:
    """A text that only runs share whose specs are the same but for the name and what to do when they diverge.

    Raises:
        InputError: There is no spec, or it is damaged.
    """
    deciding = {key: value for key, value in _without(kept_data(folder), MAY_CHANGE).items() if key != "name"}
    return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()


def _without(data: Any, field: str) -> Any:
    if isinstance(data, list):
        return [_without(inner, field) for inner in data]
    if not isinstance(data, dict):
        return data
    return {key: _without(value, field) for key, value in data.items() if key != field}
