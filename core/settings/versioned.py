"""Settings that state their version of the spec."""

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
    """Whether this program reads ``version``."""
    return isinstance(version, int) and not isinstance(version, bool) and 0 <= version <= SPEC_VERSION


class Versioned(Settings):
    """A group of fields that states its version: missing fields in it get the defaults of that version.

    Attributes:
        version: The version of the spec whose defaults apply to missing fields; by default the newest. Runs from before
            versions were recorded have version 1.
    """

    version: Version = Field(default_factory=version_in_force)

    @model_validator(mode="wrap")
    @classmethod
    def _read_as_of_its_version(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        stated = value.get("version") if isinstance(value, Mapping) else None
        if isinstance(stated, int) and stated > SPEC_VERSION:
            message = f"was written by a newer qnas, and this one knows versions up to {SPEC_VERSION} (got {stated})"
            invalid(cls.__name__, message, stated, "version")
        with as_of(stated) if stated is not None and is_known(stated) else contextlib.nullcontext():
            return handler(value)
