"""The YAML layer: files that are not specs, positions, numbers, anchors."""

from itertools import pairwise
from pathlib import Path

import pytest

from qnas.core.errors import InputError
from qnas.core.spec import load_spec
from qnas.core.spec.document import read_document

BROKEN = {
    "unclosed list": ("scale: [2\nspace: basic\n", "spec.yaml:2:6: this is not valid YAML: "),
    "mapping inside a value": ("scale: 2\n  space: basic\n", "spec.yaml:2:8: this is not valid YAML: "),
    "tab as indent": ("data:\n\tpatch: 32\n", "spec.yaml:2:1: this is not valid YAML: "),
    "unknown alias": ("name: a\nseed: *nope\n", "spec.yaml:2:7: this is not valid YAML: "),
    "a tag that would run code": (
        "name: !!python/object/apply:os.system [ls]\n",
        "spec.yaml:1:7: this is not valid YAML: ",
    ),
    "empty file": ("", "spec.yaml:1:1: the spec is empty"),
    "comments only": ("# nothing\n\n", "spec.yaml:1:1: the spec is empty"),
    "a list": ("- scale: 2\n", "spec.yaml:1:1: a spec is a mapping of fields"),
    "a word": ("\n\nhello\n", "spec.yaml:3:1: a spec is a mapping of fields"),
    "null": ("null\n", "spec.yaml:1:1: the spec is empty"),
    "duplicate key": ("scale: 2\nseed: 1\nscale: 3\n", "spec.yaml:3:1: duplicate key 'scale' (first on line 1)"),
    "duplicate key in a mapping": (
        "data:\n  patch: 24\n  validation: 1\n  patch: 24\n",
        "spec.yaml:4:3: duplicate key 'patch' (first on line 2)",
    ),
    "duplicate key in a list": (
        "space:\n  name: basic\n  operations:\n  - {name: conv, kernel: 3, kernel: 5}\n",
        "spec.yaml:4:29: duplicate key 'kernel' (first on line 4)",
    ),
    "a list as a key": ("scale: 2\n[a, b]: 3\n", "spec.yaml:2:1: a key must be a"),
    "a second document": (
        "scale: 2\n---\nscale: 3\n",
        "spec.yaml:2:1: this is not valid YAML: expected a single document in the stream but found another document",
    ),
    "a control character": ("name: a\nseed: \x07\n", "spec.yaml:2:7: this is not valid YAML: "),
    "an anchor inside itself": ("data: &a\n  test: *a\n", "spec.yaml:1:7: this is not valid YAML: it refers to itself"),
    "very deep nesting": (
        "name: " + "[" * 2000 + "]" * 2000,
        "spec.yaml:1:46: this is not valid YAML: it is nested too deeply",
    ),
    "aliases that stand for more and more": (
        "a: &a [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]\n"
        + "".join(f"{name}: &{name} [{', '.join([f'*{of}'] * 10)}]\n" for of, name in pairwise("abcdefghij")),
        "spec.yaml:1:35: this is not valid YAML: with its aliases it stands for more than 100000 values",
    ),
    "aliases that lead deeper and deeper": (
        "a: &a [[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]\n"
        "b: &b [[[[[[[[[[[[[[[*a]]]]]]]]]]]]]]]\n"
        "c: [[[[[[[[[[[[[[[*b]]]]]]]]]]]]]]]\n",
        "spec.yaml:1:16: this is not valid YAML: it is nested too deeply",
    ),
    "a number of many digits": (
        f"seed: {'9' * 5000}\n",
        f"spec.yaml:1:7: this is not valid YAML: '{'9' * 57}...' can't be read as int",
    ),
    "no such number": (
        "name: a\nseed: !!int x\n",
        "spec.yaml:2:7: this is not valid YAML: 'x' can't be read as int",
    ),
    "a type of no use": (
        "name: a\nseed: !!timestamp 2024-01-31\n",
        "spec.yaml:2:7: this is not valid YAML: 'timestamp' is not a type that a spec has",
    ),
    "not UTF-8": ("name: é".encode("latin-1"), "spec.yaml:1:7: can't read the spec: it is not UTF-8 text"),
    "UTF-16": ("name: a".encode("utf-16"), "spec.yaml:1:1: can't read the spec: it is not UTF-8 text"),
}


@pytest.mark.parametrize(("text", "line"), BROKEN.values(), ids=BROKEN)
def test_what_is_not_a_spec_is_reported_with_its_place(mistakes, text, line):
    (told,) = mistakes(text)
    assert told.startswith(line)


@pytest.mark.parametrize(("path", "reason"), [("none.yaml", "No such file or directory"), (".", "Is a directory")])
def test_a_file_that_can_not_be_read_is_named(tmp_path, monkeypatch, path, reason):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        load_spec(Path(path))
    assert str(caught.value) == f"{path}: can't read the spec: {reason}"


@pytest.mark.parametrize("text", [b"\xef\xbb\xbfseed: 3\nscale: x\n", b"seed: 3\r\nscale: x\r\n"])
def test_byte_order_marks_and_windows_line_ends_do_not_shift_places(mistakes, text):
    (told,) = mistakes(text)
    assert told.startswith("spec.yaml:2:8: scale: ")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("-1e3", -1000.0),
        ("1E+2", 100.0),
        (".5e1", 5.0),
        ("2.e0", 2.0),
        ("1.5e-3", 0.0015),
        ("1e", "1e"),
        ("e5", "e5"),
        ("'1e-3'", "1e-3"),
        ("12", 12),
        ("2024-01-31", "2024-01-31"),
        ("2024-13-45", "2024-13-45"),
    ],
)
def test_numbers_may_have_an_exponent_and_dates_are_text(tmp_path, text, value):
    path = tmp_path / "numbers.yaml"
    path.write_text(f"value: {text}\n")
    read = read_document(path).data["value"]
    assert read == value
    assert type(read) is type(value)


def test_a_learning_rate_may_be_written_as_1e_3(load):
    assert load("train: {learning_rate: 1e-3}\n").train.learning_rate == 0.001


ANCHORED = """
data:
  test:
    a: &leaves {name: dead-leaves, amount: 3, size: 32}
    b: *leaves
"""


def test_an_anchor_can_be_used_again(load):
    test = load(ANCHORED).data.test
    assert test["a"] == test["b"]
    assert test["b"].amount == 3


def test_a_mistake_behind_an_anchor_is_reported_where_it_is_written(mistakes):
    told = mistakes(ANCHORED.replace("amount: 3", "amount: x"))
    assert [line.split(": ")[:2] for line in told] == [
        ["spec.yaml:4:44", "data.test.a.amount"],
        ["spec.yaml:4:44", "data.test.b.amount"],
    ]


def test_setting_a_field_of_one_use_of_an_anchor_leaves_the_other_alone(load):
    test = load(ANCHORED, "data.test.b.amount=7").data.test
    assert (test["a"].amount, test["b"].amount) == (3, 7)


MERGED = """
data:
  test:
    a: &leaves {name: dead-leaves, amount: 3, size: 32}
    b: {<<: *leaves, amount: 4}
"""


def test_merge_keys_take_over_the_fields_of_an_anchor(load):
    test = load(MERGED).data.test
    assert (test["b"].amount, test["b"].size) == (4, 32)


def test_a_mistake_that_was_merged_in_is_reported_on_a_line_that_has_it(mistakes):
    told = mistakes(MERGED.replace("size: 32", "size: x"))
    assert [line.split(": ")[:2] for line in told] == [
        ["spec.yaml:4:53", "data.test.a.size"],
        ["spec.yaml:4:53", "data.test.b.size"],
    ]
