"""Numbers that are far too large are reported as mistakes in a field; they cause no overflow later."""

import itertools

import pytest
from pydantic import ValidationError

from qnas.core.components import Dataset
from qnas.core.images.settings import Data
from qnas.core.search.searcher import Searcher
from qnas.core.training.settings import Training

SPEC = "train: {steps: 3}\n"
AMOUNTS = (
    *("train.steps", "train.batch", "train.validations", "data.validation"),
    *("search.steps", "search.epochs", "search.batch", "data.train.amount"),
)
EXTENTS = ("data.patch", "data.train.size")
LIMITS = {**dict.fromkeys(AMOUNTS, 10**7), **dict.fromkeys(EXTENTS, 10**4)}
MODELS = {
    "train": Training,
    "data": Data,
    "search": lambda **fields: Searcher.of({"name": "random", **fields}),
    "data.train": lambda **fields: Dataset.of({"name": "dead-leaves", **fields}),
}


@pytest.mark.parametrize(("field", "value"), list(itertools.product(LIMITS, (2**31, 10**19))), ids=str)
def test_an_amount_has_an_end(mistakes, field: str, value: int) -> None:
    told = mistakes(SPEC, f"{field}={value}")
    assert f"--set {field}: must be less than or equal to {LIMITS[field]} (got {value})" in told


@pytest.mark.parametrize("field", [field for field in LIMITS if field != "search.epochs"])
def test_what_is_at_the_end_is_valid(field: str) -> None:
    group, name = field.rsplit(".", 1)
    assert getattr(MODELS[group](**{name: LIMITS[field]}), name) == LIMITS[field]
    with pytest.raises(ValidationError):
        MODELS[group](**{name: LIMITS[field] + 1})


@pytest.mark.parametrize("value", [2**64, -(2**64), 10**30], ids=str)
def test_no_number_has_more_than_64_bits_wherever_it_stands(mistakes, value: int) -> None:
    told = f"a whole number must fit into 64 bits (got {value})"
    assert mistakes(f"scale: 2\nspace: {{name: basic, bits: [4, {value}]}}\n") == [f"spec.yaml:2:32: {told}"]
    assert mistakes(f"scale: 2\n{value}: 2\n") == [f"spec.yaml:2:1: {told}"]
    assert mistakes(SPEC, f"space.channels={value}") == [f"--set space.channels: {told}"]


@pytest.mark.parametrize("field", ["kernel", "dilation"])
def test_a_kernel_has_an_end(mistakes, field: str) -> None:
    told = mistakes(f"space: {{name: basic, operations: [conv3x3, {{name: conv, {field}: 10001}}]}}\n")
    length = len("space: {name: basic, operations: [conv3x3, {name: conv, : ") + len(field)
    place = f"spec.yaml:1:{length + 1}: space.operations.1.{field}"
    assert told == [f"{place}: must be less than or equal to 10000 (got 10001)"]


def test_a_seed_has_63_bits_and_may_have_all_of_them(load, mistakes) -> None:
    data = "data: {train: {name: dead-leaves, amount: 12, seed: %d}}\n"
    assert load(data % (2**63 - 1)).data.train.seed == 2**63 - 1
    (told,) = mistakes(data % 2**63)
    assert told.startswith("spec.yaml:1:53: data.train.seed: must be less than 9223372036854775808")
