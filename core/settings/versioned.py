"""What says of which version of the spec it is."""

import contextlib
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field, ModelWrapValidatorHandler, model_validator

from qnas.core.settings.settings import Settings, invalid
from qnas.core.settings.versions import SPEC_VERSION, as_of, version_in_force

Version = Annotated[
    int,
    Field(strict=True, ge=0, json_schema_extra={"default": SPEC_VERSION, "maximum": SPEC_VERSION}),
]


def is_known(version: Any) -> bool:
    """Whether it is a version that this program reads."""
    return isinstance(version, int) and not isinstance(version, bool) and 0 <= version <= SPEC_VERSION


class Versioned(Settings):
    """A group of fields that says of which version it is: everything in it is read with the defaults of then.

    Attributes:
        version: The version of the spec whose defaults hold for all that is left out; by default the newest. Runs from
            before versions were recorded have version 1.
    """

    version: Version = Field(default_factory=version_in_force)

    @model_validator(mode="wrap")
    @classmethod
    def _read_as_of_its_version(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        stated = value.get("version") if isinstance(value, Mapping) else None
        if isinstance(stated, int) and stated > SPEC_VERSION:
            what = f"was written by a newer qnas, and this one knows versions up to {SPEC_VERSION} (got {stated})"
            invalid(cls.__name__, what, stated, "version")
        with as_of(stated) if stated is not None and is_known(stated) else contextlib.nullcontext():
            return handler(value)
