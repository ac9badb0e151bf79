"""The base of everything that can be plugged in: a frozen model that is its own configuration."""

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, ClassVar, Self

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from qnas.core.errors import QnasError
from qnas.core.registry import PROJECT, Entry, plugins
from qnas.core.settings.bits import Widths
from qnas.core.settings.settings import Settings, invalid

_DESCRIBED: ContextVar[frozenset[str]] = ContextVar("described", default=frozenset())
"""The kinds whose schema is being made."""


class Component(Settings):
    """A plugin's building block: its fields are what the YAML may say, its methods build or compute.

    Its fields must be hashable (tuples, not lists).

    A class that states a ``kind`` is an interface. Wherever a model has a field of an interface's type, the
    YAML may give the name of a registered component, or a mapping of ``name`` and that component's fields.

    Attributes:
        name: The registered name it was made by.
    """

    kind: ClassVar[str]
    name_keys: ClassVar[tuple[str, ...]] = ("name",)
    """The keys by which YAML may name a component of this kind."""
    example: ClassVar[Mapping[str, Any]] = {}
    """Fields of a small one, which contract suites build: for what is large by default, or can't do without some."""
    name: str = ""

    @classmethod
    def of(cls, reference: Self | str | Mapping[str, Any]) -> Self:
        """The component that a name, or a mapping with ``name`` and fields, refers to; a component is itself.

        Raises:
            pydantic.ValidationError: No such name, or a field is wrong.
        """
        return cls.model_validate(reference)

    @classmethod
    def named(cls, name: str) -> Self:
        """The registered component of a name, as given on the command line.

        Raises:
            InputError: There is none.
        """
        plugins().registries[cls.kind].load(name)  # an unknown one is refused
        return cls.of(name)

    @model_validator(mode="after")
    def _note_name(self) -> Self:
        """One that is made by its class is the same as one that is made by the name of the class."""
        if not self.name:
            object.__setattr__(self, "name", plugins().registries[self.kind].name_of(type(self)))
        return self

    def registered_name(self) -> str:
        """The name that it was made by, or that its class is registered under.

        Raises:
            QnasError: It has none.
        """
        if not self.name:
            raise QnasError(f"{type(self).__qualname__} is not registered as {a(self.kind)}: it has no name to save")
        return self.name

    @property
    def known_as(self) -> str:
        """Its name, or its class's if it has none."""
        return self.name or type(self).__name__

    def comes_from(self) -> str:
        """The distribution that registered it, or ``""``."""
        entries = plugins().registries[self.kind]
        return next((entry.distribution for entry in entries if entry.name == self.name), "")

    def is_foreign(self) -> bool:
        """Whether third-party code takes part in what it does, so that an error there is reported in one line."""
        return self.comes_from() != PROJECT

    def reference(self) -> str | dict[str, Any]:
        """The shortest YAML or JSON that :meth:`of` turns into this component again."""
        name = self.registered_name()
        fields = type(self).model_fields
        presets = plugins().registries[self.kind].entry(name).defaults
        required = {key: getattr(self, key) for key, info in fields.items() if info.is_required()}
        default = type(self).model_validate({**required, **presets, "name": name})
        changed = {
            key: _shortest(getattr(self, key))
            for key in fields
            if key != "name" and (key in required.keys() - presets or getattr(self, key) != getattr(default, key))
        }
        return {"name": name, **changed} if changed else name

    @property
    def label(self) -> str:
        """The name with the fields that differ from their defaults: ``conv3x3``, ``conv(dilation=2)``."""
        reference = self.reference()
        if isinstance(reference, str):
            return reference
        return _label(reference)

    @classmethod
    def field_names(cls) -> list[str]:
        """The fields that a user may set beside the name."""
        return [name for name in cls.model_fields if name != "name"]

    @classmethod
    def remark(cls) -> str:
        """What a user should know of all such components, beside the docstring: one sentence, or ``""``."""
        return ""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: type[BaseModel], handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler(source)
        if "kind" not in vars(cls):
            return schema
        return core_schema.no_info_plain_validator_function(
            cls._resolve,
            serialization=core_schema.plain_serializer_function_ser_schema(_dump),
            metadata={"pydantic_js_functions": [cls._reference_schema]},
            # One definition that all fields of the kind refer to: written out in each, the schema would be huge.
            ref=f"qnas.{cls.kind}:{cls.kind}",
        )

    @classmethod
    def _resolve(cls, value: Any) -> "Component":
        if isinstance(value, cls):
            return value
        if isinstance(value, str):
            return cls._named(value, {}, ())
        keys = [key for key in cls.name_keys if isinstance(value, Mapping) and isinstance(value.get(key), str)]
        if len(keys) == 1:
            return cls._named(value[keys[0]], {k: v for k, v in value.items() if k != keys[0]}, (keys[0],))
        if keys:
            invalid(cls.__name__, f"must not stand beside '{keys[0]}': both name {a(cls.kind)}", value, keys[1])
        key = next((key for key in cls.name_keys if isinstance(value, Mapping) and key in value), "")
        if key:
            return invalid(cls.__name__, f"must be the name of {a(cls.kind)}", value[key], key)
        key = cls.name_keys[0]
        return invalid(
            cls.__name__, f"must be the name of {a(cls.kind)}, or a mapping with '{key}' and its fields", value
        )

    @classmethod
    def _named(cls, name: str, fields: Mapping[str, Any], where: tuple[str, ...]) -> "Component":
        registry = plugins().registries[cls.kind]
        try:
            entry = registry.entry(name)
            component = registry.load(entry.name)
        except QnasError as error:
            return invalid(cls.__name__, "; ".join([str(error), *plugins().lacking]), name, *where)
        presets = component.presets(entry.defaults, fields)
        made: Component = component.model_validate({**presets, **fields, "name": entry.name})
        return made

    @classmethod
    def presets(cls, defaults: Mapping[str, Any], given: Mapping[str, Any]) -> Mapping[str, Any]:
        """The fields that a registered name stands for, beside those that are given: all, unless the two exclude some.

        Args:
            defaults: What it was registered with.
            given: The fields beside the name.
        """
        del given
        return defaults

    @classmethod
    def _reference_schema(cls, _: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """JSON Schema of a reference to this kind: any registered name, or a mapping with its fields."""
        if cls.kind in _DESCRIBED.get():  # a component has a field of its own kind: that refers to what is being made
            return {}
        token = _DESCRIBED.set(_DESCRIBED.get() | {cls.kind})
        try:
            return cls._described(handler)
        finally:
            _DESCRIBED.reset(token)

    @classmethod
    def _described(cls, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        registry = plugins().registries[cls.kind]
        names: dict[str, Any] = {"enum": [entry.name for entry in registry], "type": "string"}
        mappings = [
            cls._mapping_schema(entry, component, key, handler)
            for entry, component in registry.loadable()
            for key in cls.name_keys
        ]
        return {"anyOf": [names, *mappings]}

    @classmethod
    def _mapping_schema(
        cls, entry: Entry, component: "type[Component]", key: str, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        made = handler.resolve_ref_schema(handler(component.__pydantic_core_schema__))
        fields = {name: field for name, field in made["properties"].items() if name != "name"}
        return {
            "type": "object",
            "description": entry.summary,
            "properties": {key: {"const": entry.name}, **fields},
            "required": [key, *(name for name in made.get("required", []) if name not in entry.defaults)],
            "additionalProperties": False,
        }


def a(noun: str) -> str:
    """The noun with its article."""
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def _shortest(value: Any) -> Any:
    """A field's value as YAML or JSON, components in it by their shortest references."""
    if isinstance(value, Component):
        return value.reference()
    if isinstance(value, Settings):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {key: _shortest(inner) for key, inner in value.items()}
    if isinstance(value, Widths):
        return value.shortest()
    if isinstance(value, tuple | list):
        return [_shortest(inner) for inner in value]
    return value if isinstance(value, str | int | float | None) else str(value)


def _label(reference: Any) -> str:
    """A reference as people read it: ``conv``, ``conv(dilation=2)``."""
    if isinstance(reference, dict) and "name" in reference:
        fields = ", ".join(f"{key}={_label(value)}" for key, value in reference.items() if key != "name")
        return f"{reference['name']}({fields})"
    if isinstance(reference, list):
        return f"[{', '.join(map(_label, reference))}]"
    return str(reference)


def _dump(component: Component) -> dict[str, Any]:
    return {**component.model_dump(mode="json"), "name": component.registered_name()}
