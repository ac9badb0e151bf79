from collections.abc import Mapping
from typing import ClassVar

import pytest
from pydantic import ValidationError
from torch import nn

from qnas.core.components import SlotShape, Space
from qnas.core.errors import QnasError
from qnas.core.settings import Widths


def names(space: Space, role: str) -> list[str]:
    return [operation.name for operation in space.offer("there", SlotShape(role, 12, 12)).operations]


def space(**fields: object) -> Space:
    return Space.of({"name": "basic", **fields})


def test_roles_have_their_defaults():
    assert names(space(), "skip") == ["conv1x1", "conv3x3", "conv5x5"]
    assert names(space(), "body")[0] == "conv3x3"


def test_a_list_of_operations_stands_for_every_role():
    chosen = space(operations=["conv7x7", "native"])
    assert [names(chosen, role) for role in ("head", "body", "tail")] == [["conv7x7", "native"]] * 3


def test_a_role_that_is_left_out_keeps_its_defaults():
    chosen = space(operations={"body": ["conv7x7"]})
    assert names(chosen, "body") == ["conv7x7"]
    assert names(chosen, "skip") == names(space(), "skip")


def test_a_role_of_its_own_goes_before_all():
    chosen = space(operations={"all": ["conv7x7"], "body": ["conv1x1"]})
    assert names(chosen, "body") == ["conv1x1"]
    assert names(chosen, "head") == ["conv7x7"]


def test_an_unknown_role_is_refused_with_those_that_exist():
    with pytest.raises(ValidationError) as caught:
        space(operations={"bdy": ["conv3x3"]})
    (error,) = caught.value.errors()
    assert error["loc"] == ("operations", "bdy")
    assert error["msg"] == "no such role (roles: all, head, body, skip, upsample, tail)"


@pytest.mark.parametrize("fields", [{"bits": []}, {"operations": []}, {"operations": {"body": []}}], ids=str)
def test_nothing_to_choose_from_is_refused(fields):
    with pytest.raises(ValidationError, match="at least 1"):
        space(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"bits": [4, 8, 4]},
        {"bits": [4, [4, 4]]},
        {"operations": ["conv3x3", "conv3x3"]},
        {"operations": {"body": ["conv3x3", {"name": "conv3x3"}]}},
    ],
    ids=str,
)
def test_a_choice_that_stands_there_twice_is_refused(fields):
    with pytest.raises(ValidationError, match=r"must not list (4|conv3x3) twice"):
        space(**fields)


def test_bits_are_numbers_or_pairs():
    assert space(bits=[2, [4, 8], 32]).bits == (Widths(2, 2), Widths(4, 8), Widths(32, 32))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({}, "states no candidates for the role 'body' of its slots"),
        ({"body": ()}, "states no candidates for the role 'body' of its slots"),
        ({"body": "conv3x3"}, "states 'conv3x3', which is no list, for the role 'body' of its slots"),
        ({"body": ("conv3x3", "conv3x4")}, "in its candidates for the role 'body': .*did you mean 'conv3x3'"),
    ],
)
def test_what_a_space_states_wrongly_is_told_of_the_space_not_of_the_spec(names, message):
    class Odd(Space):
        defaults: ClassVar[Mapping[str, tuple[str, ...]]] = names

        def build(self, scale: int) -> nn.Module:
            raise NotImplementedError

    with pytest.raises(QnasError, match=f"^the space 'odd',? {message}"):
        Odd(name="odd").offer("0", SlotShape("body", 3, 3))
