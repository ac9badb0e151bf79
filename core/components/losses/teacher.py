"""Teachers: the networks that a loss can learn from, as a spec names them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator

from qnas.core.components.space import Space
from qnas.core.settings import Settings, invalid

OwnTeacher = Literal["float", "weights"]
"""``float`` is the network of the same architecture, trained in float; ``weights`` is the network that the space
describes in float, with the weights that the space names."""


class RunTeacher(Settings):
    """The trained network of a finished run, quantized as it was trained.

    Attributes:
        run: The folder of the run.
    """

    run: Path


class ModuleTeacher(Settings):
    """Any network, in float.

    Attributes:
        module: The fields of the space ``module``, or another space that names weights.
    """

    module: Space = "module"  # type: ignore[assignment]


def _chosen(value: Any) -> Any:
    """One of the forms, validated: then a mistake is one of that form, not of each."""
    if isinstance(value, Mapping) and len(value) == 1:
        for form in (RunTeacher, ModuleTeacher):
            if value.keys() <= form.model_fields.keys():
                return form.model_validate(value)
    if value in get_args(OwnTeacher) or isinstance(value, RunTeacher | ModuleTeacher):
        return value
    names = ", ".join(f"'{name}'" for name in get_args(OwnTeacher))
    return invalid("Teacher", f"must be {names}, {{run: FOLDER}} or {{module: {{...}}}} (got {value!r})", value)


Teacher = Annotated[OwnTeacher | RunTeacher | ModuleTeacher, BeforeValidator(_chosen)]
"""A field that names a teacher."""
