"""Rules for single slots: patterns, and which of several rules wins."""

import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError

from qnas.core.components import SlotRule, SlotShape, Space, path_matches
from qnas.core.settings import Widths

SKIP = "body.0.body.skip"
names = st.lists(st.sampled_from(["body", "0", "10", "skip", "tail"]), min_size=1, max_size=5).map(".".join)


def offered(path, *rules, role="skip", **fields):
    """The labels of operations, and the widths, that ``basic`` offers for a slot under these rules."""
    offer = Space.of({"name": "basic", "slots": rules, **fields}).offer(path, SlotShape(role, 12, 12))
    return [operation.label for operation in offer.operations], list(offer.bits)


@given(names)
def test_a_path_matches_itself_its_parts_and_everything(path):
    parts = path.split(".")
    assert all(path_matches(path, ".".join(parts[: i + 1])) for i in range(len(parts)))
    assert path_matches(path, "*")
    assert not path_matches(path, f"{path}.0")
    assert not path_matches(path, f"x{path}")


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("body.*.skip", True),
        ("*.skip", True),
        ("body.?", True),
        ("body.[01]", True),
        ("body.[12]", False),
        ("body.1", False),
        ("skip", False),
        ("Body.*", False),
    ],
)
def test_patterns(pattern, matches):
    assert path_matches(SKIP, pattern) is matches


def test_a_part_is_whole():
    assert not path_matches("body.10.skip", "body.1")


def test_without_a_rule_the_role_decides():
    assert offered(SKIP) == (["conv1x1", "conv3x3", "conv5x5"], [Widths(4, 4), Widths(8, 8)])
    assert offered(SKIP, {"match": "tail", "keep": 8}) == offered(SKIP)


def test_a_rule_says_operations_or_bits_or_both():
    operations, bits = offered(SKIP)
    assert offered(SKIP, {"match": "*.skip", "operations": ["conv7x7"]}) == (["conv7x7"], bits)
    assert offered(SKIP, {"match": "*.skip", "bits": [2, [4, 8]]}) == (operations, [Widths(2, 2), Widths(4, 8)])
    both = {"match": "*.skip", "operations": ["identity"], "bits": [16]}
    assert offered(SKIP, both) == (["identity"], [Widths(16, 16)])


def test_the_last_rule_that_says_a_thing_decides_it():
    rules = (
        {"match": "body", "operations": ["conv1x1"], "bits": [2]},
        {"match": "body.0", "bits": [3]},
        {"match": "*.skip", "operations": ["conv5x5"]},
        {"match": "body.1", "bits": [16]},
    )
    assert offered(SKIP, *rules) == (["conv5x5"], [Widths(3, 3)])


@pytest.mark.parametrize(("bits", "widths"), [(8, (8, 8)), ([4, 8], (4, 8)), (32, (32, 32)), ("float", (32, 32))])
def test_keep_is_the_native_operation_at_fixed_bits(bits, widths):
    rules = ({"match": "body", "operations": ["conv1x1"]}, {"match": "body", "keep": bits})
    assert offered(SKIP, *rules) == (["native"], [Widths(*widths)])


def test_what_is_kept_can_be_opened_again():
    rules = ({"match": "body", "keep": 8}, {"match": "body.0", "operations": ["conv3x3"], "bits": [4]})
    assert offered(SKIP, *rules) == (["conv3x3"], [Widths(4, 4)])


def kept(**fields):
    offer = Space.of({"name": "quantnas-rfdn", **fields}).offer("fusion.0", SlotShape("fusion", 12, 12))
    return [operation.label for operation in offer.operations], [w.label for w in offer.bits]


def test_a_space_keeps_roles_until_the_spec_names_them():
    assert kept() == (["native"], ["8"])
    assert kept(operations=["conv1x1"], bits=[4]) == (["native"], ["8"])
    assert kept(operations={"fusion": ["conv1x1"]}, bits=[4]) == (["conv1x1"], ["4"])
    assert kept(slots=[{"match": "fusion", "bits": [2]}]) == (["native"], ["2"])


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"match": "body"}, "must say operations, bits or keep"),
        ({"match": "body", "keep": 8, "bits": [4]}, "keep leaves nothing to choose: it can't stand beside bits"),
        ({"match": "body", "keep": 8, "operations": ["conv1x1"]}, "it can't stand beside operations"),
        ({"match": "body", "keep": 1}, "from 2 to 16, or 32"),
        ({"match": "body", "keep": "flaot"}, "from 2 to 16, or 32"),
        ({"match": "", "keep": 8}, "at least 1 character"),
        ({"keep": 8}, "Field required"),
        ({"match": "body", "bits": []}, "at least 1 item"),
        ({"match": "body", "bits": [4, 4]}, "must not list"),
        ({"match": "body", "bitz": [4]}, "did you mean 'bits'"),
    ],
    ids=str,
)
def test_a_wrong_rule_is_refused(rule, message):
    with pytest.raises(ValidationError, match=message):
        SlotRule.model_validate(rule)
