from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field

from qnas.core.components import Component, Operation
from qnas.core.registry import KINDS, plugins
from qnas.core.settings import Bits
from qnas.core.settings.documentation import describe_field, field_docs, prose, type_label

EVERY = [
    pytest.param(kind, entry.name, id=f"{kind} {entry.name}") for kind in KINDS for entry in plugins().registries[kind]
]


class Base(Component):
    """A base.

    Attributes:
        size: How large,
            in pixels.
    """

    size: int = 3


class Thing(Base):
    """A thing.

    It does things.

    Attributes:
        path: Where.
        size: How large a thing is.

    Note:
        Unlike
        the paper.
    """

    path: Path


def test_prose_is_the_docstring_without_its_fields():
    assert prose(Thing) == "A thing.\n\nIt does things.\n\nNote: Unlike the paper."


def test_fields_are_documented_by_the_class_and_by_its_bases():
    assert field_docs(Base)["size"] == "How large, in pixels."
    assert field_docs(Thing)["size"] == "How large a thing is."
    assert field_docs(Thing)["path"] == "Where."


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_every_field_of_what_is_shipped_is_documented(kind, name):
    component = plugins().registries[kind].load(name)
    assert set(component.model_fields) <= set(field_docs(component))
    assert prose(component)


@pytest.mark.parametrize(
    ("annotation", "label"),
    [
        (int, "int"),
        (str, "text"),
        (Path | None, "path | nothing"),
        (Literal["a", "b"], "a | b"),
        (tuple[Bits, ...], "list of bits"),
        (dict[str, Operation], "text -> operation"),
        (Annotated[int, Field(gt=3)], "int"),
    ],
)
def test_types_are_said_in_words(annotation, label):
    assert type_label(annotation) == label


def test_a_field_is_described_by_its_type_and_default():
    assert describe_field(Thing.model_fields["size"]) == ("int", "3")
    assert describe_field(Thing.model_fields["size"], preset=5) == ("int", "5")
    assert describe_field(Thing.model_fields["path"]) == ("path", "required")


def test_prose_is_for_others_to_break():
    class Broken(Component):
        """A thing.

        It is broken
        into lines, unlike

            this = one
              + two
        """

    assert prose(Broken) == "A thing.\n\nIt is broken into lines, unlike\n\n    this = one\n      + two"
