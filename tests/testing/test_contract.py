"""What every contract requires of a component's fields."""

import pytest
from pydantic import ValidationError, field_validator

from qnas.core.components import Cost
from qnas.testing import check_cost


class Doubled(Cost):
    factor: int = 2

    def of_convolution(self, convolution):
        return self.factor * convolution.macs


class Growing(Doubled):
    @field_validator("factor")
    @classmethod
    def _more(cls, factor: int) -> int:
        return factor + 1


class Textual(Doubled):
    @field_validator("factor", mode="before")
    @classmethod
    def _number(cls, factor: object) -> object:
        if factor == 5:
            raise ValueError("must be text")
        return factor


class Listed(Doubled):
    factors: list[int] = [1]


class Renamed(Doubled):
    earlier_defaults = {1: {"fator": 1}}


class Wrong(Doubled):
    earlier_defaults = {1: {"factor": "two"}}


class Grown(Doubled):
    earlier_defaults = {1: {"factor": 1}}


def test_a_component_its_name_and_a_mapping_are_references_to_it(registered):
    name = registered(Doubled)
    for reference in (name, {"name": name, "factor": 3}, Doubled(name=name, factor=4)):
        check_cost(reference)


@pytest.mark.parametrize(
    ("component", "fields", "message"),
    [
        (Growing, {"factor": 5}, "what it writes, {.*'factor': 6}, is read again as a different component"),
        (
            Textual,
            {"factor": "5"},
            "what it writes, {.*'factor': 5}, can't be read again: factor: .* must be text",
        ),
        (Renamed, {}, "earlier_defaults names fator, which is not one of its fields"),
        (Wrong, {}, "with the defaults of version 1: factor: Input should be a valid integer"),
        (Listed, {}, "its fields must be hashable: tuples, not lists"),
    ],
)
def test_what_breaks_it_is_told(registered, component, fields, message):
    with pytest.raises(AssertionError, match=message):
        check_cost({"name": registered(component), **fields})


def test_defaults_may_have_been_others(registered):
    check_cost(registered(Grown))


def test_one_that_is_not_registered_has_no_name_to_write():
    with pytest.raises(AssertionError, match="Doubled is not registered as a cost"):
        check_cost(Doubled())


def test_fields_that_are_wrong_are_the_callers_mistake(registered):
    with pytest.raises(ValidationError, match="unknown field"):
        check_cost({"name": registered(Doubled), "faktor": 3})
