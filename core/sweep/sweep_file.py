"""A sweep: the variants in a sweep file, or the only one of a plain spec."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from qnas.core.errors import InputError
from qnas.core.files.paths import expanded
from qnas.core.settings import Amount, Settings
from qnas.core.spec import Assignment
from qnas.core.spec.document import Document, read_document
from qnas.core.spec.load import validate

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=60)]
Values = Annotated[tuple[Any, ...], Field(min_length=1)]


class VariantFields(Settings):
    """A variant as a sweep file states it.

    Attributes:
        spec: Its spec, relative to the file, if it is not that of the whole file.
        set: Fields of the spec to values, as with ``--set``: ``{space.bits: [4]}``.
        vary: Fields of the spec to lists of values; the points are the product of all lists.
    """

    spec: Path | None = None
    set: dict[str, Any] = {}
    vary: dict[str, Values] = {}


class SweepFile(Settings):
    """A sweep file.

    Attributes:
        spec: The spec that all variants begin with, relative to the file.
        seeds: How many seeds each point is run with.
        variants: What is compared, by name.
    """

    spec: Path | None = None
    seeds: Amount = 1
    variants: Annotated[dict[Name, VariantFields], Field(min_length=1)]


@dataclass(frozen=True)
class Variant:
    """One of the things that a sweep compares.

    Attributes:
        name: Its name in the sweep file; None for a plain spec.
        spec: The YAML file of its spec.
        set: What is set in all of its points.
        vary: Fields to the values that they take.
    """

    name: str | None
    spec: Path
    set: tuple[Assignment, ...] = ()
    vary: Mapping[str, tuple[Assignment, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Sweep:
    """A sweep.

    Attributes:
        variants: What is compared.
        seeds: How many seeds each point is run with.
        is_file: Whether it comes from a sweep file rather than from a plain spec.
    """

    variants: tuple[Variant, ...]
    seeds: int = 1
    is_file: bool = False

    def only(self, names: Sequence[str]) -> "Sweep":
        """The sweep with the variants of these names; with all if there is no name.

        Raises:
            InputError: There is no such variant.
        """
        known = [variant.name for variant in self.variants if variant.name is not None]
        for name in names:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"; did you mean '{near[0]}'?" if near else ""
                there = f" (variants: {', '.join(known)})" if known else ": the spec is not a sweep file"
                raise InputError(f"there is no variant '{name}'{hint}{there}", "--only")
        return replace(self, variants=tuple(v for v in self.variants if not names or v.name in names))

    def varied(self, vary: Sequence[Assignment]) -> "Sweep":
        """The sweep with more fields varied in every variant; each assignment's value is the list of values.

        Raises:
            InputError: A field has no value, or is varied already.
        """
        sweep = self
        for path, values, where in vary:
            if not values:
                raise InputError("needs at least one value", where)
            more = {path: tuple(Assignment(path, value, where) for value in values)}
            for variant in sweep.variants:
                if path in variant.vary:
                    raise InputError("is varied already", where)
            sweep = replace(sweep, variants=tuple(replace(v, vary={**v.vary, **more}) for v in sweep.variants))
        return sweep

    def seeded(self, seeds: int | None) -> "Sweep":
        """The sweep with so many seeds; None leaves it as it is."""
        return self if seeds is None else replace(self, seeds=seeds)


def read_sweep(path: Path) -> Sweep:
    """Read a sweep file, or take a plain spec for the only variant.

    Raises:
        InputError: One line for each thing that is wrong. For a plain spec, only that it is not YAML.
    """
    document = read_document(path)
    if not (isinstance(document.data, dict) and "variants" in document.data):
        return Sweep((Variant(None, path),))
    file = validate(document, SweepFile)
    variants = (_variant(name, file, document, path.parent) for name in file.variants)
    return Sweep(tuple(variants), file.seeds, is_file=True)


def _variant(name: str, file: SweepFile, document: Document, folder: Path) -> Variant:
    fields = file.variants[name]
    spec = fields.spec or file.spec
    if spec is None:
        place = document.place(("variants", name), of_key=True)
        raise InputError(f"variants.{name}: needs a spec, its own or one for the whole file", place)
    at = ("variants", name)
    fixed = (_assignment(key, value, document, (*at, "set", key)) for key, value in fields.set.items())
    vary = {
        key: tuple(_assignment(key, v, document, (*at, "vary", key, index)) for index, v in enumerate(values))
        for key, values in fields.vary.items()
    }
    return Variant(name, folder / expanded(spec), tuple(fixed), vary)


def _assignment(key: str, value: Any, document: Document, at: tuple[str | int, ...]) -> Assignment:
    where = document.place(at)
    if not all(key.split(".")):
        raise InputError(f"'{key}' is not a field such as search.steps", where)
    return Assignment(key, value, where)
