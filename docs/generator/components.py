"""The pages of the components, one for each kind."""

import re

from qnas.core.components import Component
from qnas.core.registry import BY_NAME, PROJECT, Entry, Kind, plugins
from qnas.core.settings.documentation import describe_field, prose

from . import markdown
from .fields import fields_table
from .markdown import code, escaped, heading, page, table, wrapped

Classes = dict[type[Component], list[Entry]]
_CAN_BE_LINKED = re.compile(r"[\w-]+")


def component_pages() -> dict[str, str]:
    """The page of every kind by its file name."""
    return {f"{kind.plural}.md": _kind_page(kind) for kind in BY_NAME.values()}


def _kind_page(kind: Kind) -> str:
    classes = _classes(kind.name)
    return page(kind.title, _intro(kind), _names(classes), *(_class(cls, classes) for cls in classes))


def _classes(kind: str) -> Classes:
    """The classes that qnas itself registers, each with its names."""
    registry = plugins().registries[kind]
    found: Classes = {}
    for entry in registry:
        if entry.distribution == PROJECT:
            found.setdefault(registry.load(entry.name), []).append(entry)
    return found


def _intro(kind: Kind) -> str:
    listed, shown = f"`qnas list {kind.plural}`", f"`qnas show {kind.name} NAME`"
    return wrapped(f"These come with qnas. {listed} lists all that are installed, and {shown} describes any of them.")


def _names(classes: Classes) -> str:
    rows = [(entry, cls) for cls, entries in classes.items() for entry in entries]
    rows.sort(key=lambda row: row[0].name)
    return table(("name", "what it is"), ((_link(e.name, cls, classes), escaped(e.summary)) for e, cls in rows))


def _link(name: str, cls: type[Component], classes: Classes) -> str:
    return f"[`{name}`](#{_title(cls, classes[cls]).lower()})"


def _title(cls: type[Component], entries: list[Entry]) -> str:
    """The name in YAML; the name of the class if it has several, or one that no link can point to."""
    return entries[0].name if len(entries) == 1 and _CAN_BE_LINKED.fullmatch(entries[0].name) else cls.__name__


def _class(cls: type[Component], classes: Classes) -> str:
    title, names = _title(cls, classes[cls]), [entry.name for entry in classes[cls]]
    where = code(f"{cls.__module__}.{cls.__qualname__}")
    if len(names) == 1 and title not in names:
        where = f"{code(names[0])}, {where}"
    told = [markdown.prose(prose(cls)), markdown.prose(cls.remark())]
    return "\n\n".join(filter(None, [heading(code(title)), where, *told, *_fields(cls, classes)]))


def _fields(cls: type[Component], classes: Classes) -> list[str]:
    """Its fields; if it extends another class on the page, only those that are new or different."""
    entries = classes[cls]
    only = entries[0] if len(entries) == 1 else None
    base = next((base for base in cls.__mro__[1:] if base in classes), None)
    names = [name for name in cls.field_names() if base is None or _differs(cls, base, name)]
    shown = fields_table(cls, only.defaults if only else {}, names)
    return [_inherits(base, classes, bool(names)), shown, "" if only else _presets(entries)]


def _differs(cls: type[Component], base: type[Component], name: str) -> bool:
    own, others = cls.model_fields[name], base.model_fields.get(name)
    return others is None or describe_field(own) != describe_field(others)


def _inherits(base: type[Component] | None, classes: Classes, has_own: bool) -> str:
    if base is None:
        return ""
    whose = _link(_title(base, classes[base]), base, classes)
    return f"It has the fields of {whose}" + (", except for these:" if has_own else ".")


def _presets(entries: list[Entry]) -> str:
    """The settings behind each name of one class."""
    return table(("name", "sets"), ((code(entry.name), _settings(entry)) for entry in entries))


def _settings(entry: Entry) -> str:
    return ", ".join(code(f"{field}: {value}") for field, value in entry.defaults.items()) or "nothing"
