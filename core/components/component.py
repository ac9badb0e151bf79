"""The base of everything that can be plugged in: a frozen model that is its own configuration."""

import difflib
from collections.abc import Mapping
from typing import Any, ClassVar, NoReturn, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

from qnas.core.components.documentation import field_docs
from qnas.core.errors import QnasError
from qnas.core.registry import plugins


def invalid(title: str, message: str, value: object, *path: str | int) -> NoReturn:
    """Raise a validation error that names the place ``path`` inside what is being validated."""
    error = PydanticCustomError("qnas", "{message}", {"message": message})
    details = InitErrorDetails(type=error, loc=path, input=value)
    raise ValidationError.from_exception_data(title, [details])


class Settings(BaseModel):
    """A frozen group of fields that refuses unknown ones, naming the nearest that exists."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_fields(cls, value: Any) -> Any:
        if isinstance(value, Mapping):
            valid = [name for name in cls.model_fields if name != "name" or "name" in cls.__annotations__]
            for key in value:
                if key not in cls.model_fields:
                    near = difflib.get_close_matches(str(key), valid, n=1)
                    hint = f"; did you mean '{near[0]}'?" if near else ""
                    invalid(
                        cls.__name__,
                        f"unknown field{hint} (fields: {', '.join(valid) or 'none'})",
                        value[key],
                        key,
                    )
        return value

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The JSON Schema with what the docstring says of each field, which editors show."""
        made = handler(schema)
        docs = field_docs(cls)
        for name, field in handler.resolve_ref_schema(made).get("properties", {}).items():
            if name in docs:
                field["description"] = docs[name]
        return made


class Component(Settings):
    """A plugin's building block: its fields are what the YAML may say, its methods build or compute.

    A class that states a ``kind`` is an interface. Wherever a model has a field of an interface's type, the
    YAML may give the name of a registered component, or a mapping of ``name`` and that component's fields.

    Attributes:
        name: The registered name it was made by.
    """

    kind: ClassVar[str]
    name: str = ""

    @classmethod
    def of(cls, reference: str | Mapping[str, Any]) -> Self:
        """The component that a name, or a mapping with ``name`` and fields, refers to.

        Raises:
            pydantic.ValidationError: No such name, or a field is wrong.
        """
        return cls.model_validate(reference)

    def registered_name(self) -> str:
        """The name that it was made by, or that its class is registered under.

        Raises:
            QnasError: It has none.
        """
        name = self.name or plugins().registries[self.kind].name_of(type(self))
        if not name:
            raise QnasError(f"{type(self).__qualname__} is not registered as a {self.kind}: it has no name to save")
        return name

    def reference(self) -> str | dict[str, Any]:
        """The shortest YAML or JSON that :meth:`of` turns into this component again."""
        name = self.registered_name()
        required = {key: getattr(self, key) for key, info in type(self).model_fields.items() if info.is_required()}
        presets = plugins().registries[self.kind].entry(name).defaults
        default = type(self).model_validate({**required, **presets, "name": name}).model_dump(mode="json")
        given = self.model_dump(mode="json")
        changed = {
            k: v for k, v in given.items() if k != "name" and (k in required.keys() - presets or v != default[k])
        }
        return {"name": name, **changed} if changed else name

    @property
    def label(self) -> str:
        """The name with the fields that differ from their defaults: ``conv3x3``, ``conv(dilation=2)``."""
        reference = self.reference()
        if isinstance(reference, str):
            return reference
        fields = ", ".join(f"{key}={value}" for key, value in reference.items() if key != "name")
        return f"{reference['name']}({fields})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: type[BaseModel], handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler(source)
        if "kind" not in vars(cls):
            return schema
        return core_schema.no_info_plain_validator_function(
            cls._resolve,
            serialization=core_schema.plain_serializer_function_ser_schema(_dump),
            metadata={"pydantic_js_functions": [cls._reference_schema]},
        )

    @classmethod
    def _resolve(cls, value: Any) -> "Component":
        if isinstance(value, cls):
            return value
        if isinstance(value, str):
            return cls._named(value, {}, ())
        if isinstance(value, Mapping) and "name" in value:
            return cls._named(value["name"], {k: v for k, v in value.items() if k != "name"}, ("name",))
        return invalid(
            cls.__name__, f"must be the name of a {cls.kind}, or a mapping with 'name' and its fields", value
        )

    @classmethod
    def _named(cls, name: Any, fields: Mapping[str, Any], where: tuple[str, ...]) -> "Component":
        registry = plugins().registries[cls.kind]
        try:
            entry = registry.entry(str(name))
            component = registry.load(entry.name)
        except QnasError as error:
            broken = "".join(f"; plugin '{p.name}' of {p.distribution} failed: {p.error}" for p in plugins().broken)
            return invalid(cls.__name__, f"{error}{broken}", name, *where)
        made: Component = component.model_validate({**entry.defaults, **fields, "name": entry.name})
        return made

    @classmethod
    def _reference_schema(cls, _: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """JSON Schema of a reference to this kind: any registered name, or a mapping with its fields."""
        registry = plugins().registries[cls.kind]
        names: dict[str, Any] = {"enum": [entry.name for entry in registry], "type": "string"}
        mappings = []
        for entry in registry:
            schema = handler(registry.load(entry.name).__pydantic_core_schema__)
            fields = {k: v for k, v in handler.resolve_ref_schema(schema)["properties"].items() if k != "name"}
            mappings.append(
                {
                    "type": "object",
                    "description": entry.summary,
                    "properties": {"name": {"const": entry.name}, **fields},
                    "required": ["name"],
                    "additionalProperties": False,
                }
            )
        return {"anyOf": [names, *mappings]}


def _dump(component: Component) -> dict[str, Any]:
    return {**component.model_dump(mode="json"), "name": component.registered_name()}
