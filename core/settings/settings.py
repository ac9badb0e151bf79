"""Frozen groups of fields that report mistakes together with what would be valid."""

import difflib
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, NoReturn, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, ErrorDetails, InitErrorDetails, PydanticCustomError

from qnas.core.deprecation import DeprecatedField
from qnas.core.settings.documentation import field_docs
from qnas.core.settings.versions import EarlierDefaults, earlier_fields

T = TypeVar("T")


class FrozenDict(dict[str, T]):
    """A dictionary that can't be changed, and so can be hashed."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self),)

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("this mapping is part of a frozen model: it can't be changed")

    __setitem__ = __delitem__ = __ior__ = update = setdefault = pop = popitem = clear = _refuse


Frozen = Annotated[dict[str, T], AfterValidator(FrozenDict)]
"""A field that maps names to values."""


def invalid(title: str, message: str, value: object, *path: str | int) -> NoReturn:
    """Raise a validation error for the place ``path`` inside the validated value."""
    raise ValidationError.from_exception_data(title, [_details(message, path, value)])


def _details(message: str, path: tuple[str | int, ...], value: object) -> InitErrorDetails:
    return InitErrorDetails(type=_custom(message), loc=path, input=value)


def _custom(message: str) -> PydanticCustomError:
    return PydanticCustomError("qnas", "{message}", {"message": message})


class Settings(BaseModel):
    """A frozen group of fields.

    It refuses unknown fields and names the nearest valid one. A mapping for a field whose default is a component's name
    may leave out the name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)

    earlier_defaults: ClassVar[EarlierDefaults] = {}
    """The defaults that fields had before they changed: ``{1: {"start": "published"}}`` says that ``start`` is
    ``published`` in a spec of version 1 or earlier that does not set it. It may name fields that did not exist then.
    The spec of a run keeps the version that the run began with, so that the run continues as it began."""
    deprecated_fields: ClassVar[Mapping[str, DeprecatedField]] = {}
    """Old names of fields, which still work and warn."""

    @model_validator(mode="wrap")
    @classmethod
    def _report_what_is_valid(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if isinstance(value, Mapping):
            value = cls._completed(cls._renamed(value))
        try:
            return handler(value)
        except ValidationError as error:
            mistakes = error.errors()
        meant = {cls._meant(details) for details in mistakes}
        reported = [details for details in mistakes if not (details["type"] == "missing" and details["loc"] in meant)]
        raise ValidationError.from_exception_data(cls.__name__, [cls._explain(details) for details in reported])

    @classmethod
    def _renamed(cls, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """The given fields under their current names."""
        renamed = {name: value for name, value in given.items() if name not in cls.deprecated_fields}
        for name in given.keys() - renamed.keys():
            field = cls.deprecated_fields[name]
            if field.use in given:
                invalid(cls.__name__, f"is the old name of '{field.use}': give one of them", given[name], name)
            field.warn(name)
            renamed[field.use] = field.convert(given[name])
        return renamed

    @classmethod
    def _completed(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """The given fields, prepared by :func:`_prepare`, and the fields whose defaults were different earlier."""
        earlier = earlier_fields(cls)
        fields = cls.model_fields
        prepared = {
            key: _prepare(fields.get(key), value, _default_name(fields.get(key), earlier.get(key)))
            for key, value in given.items()
        }
        return {**earlier, **prepared}

    @classmethod
    def _meant(cls, details: ErrorDetails) -> tuple[str, ...]:
        """The place of the field that an unknown one was probably meant to be, ``()`` if there is none."""
        if details["type"] != "extra_forbidden" or len(details["loc"]) != 1:
            return ()
        return tuple(difflib.get_close_matches(str(details["loc"][0]), cls.field_names(), n=1))

    @classmethod
    def _explain(cls, details: ErrorDetails) -> InitErrorDetails:
        loc, value = details["loc"], details["input"]
        if details["type"] == "extra_forbidden" and len(loc) == 1:
            valid = cls.field_names()
            near = cls._meant(details)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            return _details(f"unknown field{hint} (fields: {', '.join(valid) or 'none'})", loc, value)
        # Rebuilt by hand: pydantic accepts few of its own kinds of error again, and rounds the limits in them.
        context = {**details.get("ctx", {}), "message": details["msg"]}
        return InitErrorDetails(type=PydanticCustomError(details["type"], "{message}", context), loc=loc, input=value)

    @classmethod
    def field_names(cls) -> list[str]:
        """The fields that a user may set."""
        return list(cls.model_fields)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The JSON Schema with the docstring's description of each field, which editors show."""
        made = handler(schema)
        docs = field_docs(cls)
        properties = handler.resolve_ref_schema(made).setdefault("properties", {})
        for name, field in properties.items():
            if name in docs:
                field["description"] = docs[name]
            default = _default_name(cls.model_fields.get(name))
            if default:
                members = handler.resolve_ref_schema(field).get("anyOf", [])
                field["anyOf"] = [{"$ref": field.pop("$ref")}, *_nameless(default, members)]
        for name, old in cls.deprecated_fields.items():
            properties[name] = {"deprecated": True, "description": f"The old name of {old.use}."}
        return made


def _nameless(default: str, members: list[JsonSchemaValue]) -> list[JsonSchemaValue]:
    """The schema of the default component's mapping without a required name."""
    named = [member for member in members if member.get("properties", {}).get("name") == {"const": default}]
    return [{**member, "required": [key for key in member["required"] if key != "name"]} for member in named]


class _Word(str):
    """A word of YAML, shown without quotes in messages."""

    def __repr__(self) -> str:
        return str(self)


def _prepare(info: FieldInfo | None, value: Any, default: str) -> Any:
    """``value`` with the name of the ``default`` component; ``true`` does not count as the number 1."""
    if default and isinstance(value, Mapping) and not any(key in value for key in _name_keys(info)):
        return {"name": default, **value}
    if info and info.annotation in {int, float} and isinstance(value, bool):
        return _Word(str(value).lower())
    return value


def _name_keys(info: FieldInfo | None) -> tuple[str, ...]:
    """The keys that may name the component of a field."""
    return getattr(info.annotation, "name_keys", ()) if info is not None else ()


def _default_name(info: FieldInfo | None, earlier: Any = None) -> str:
    """The name of a field's default component, or of its ``earlier`` one; ``""`` if the default is not a bare name."""
    if info is None or not hasattr(info.annotation, "kind"):
        return ""
    default = info.default if earlier is None else earlier
    return default if isinstance(default, str) else ""
