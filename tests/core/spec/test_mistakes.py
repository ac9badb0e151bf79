"""Every mistake in a field is reported with file:line:column, the field, and what would be valid."""

import re

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

UNPLACED = "must be the name of a {}, or a mapping with 'name' and its fields"
BITS = "must be a whole number of bits from 2 to 16, or 32 for float"
LETTERS = "must start with a letter or digit and have only letters, digits, '.', '_' and '-'"

# What the spec says, the reported place and field, and a part of the message.
MISTAKES = {
    # unknown components
    "unknown component": (
        "quantizer:\n  search: lqs\n",
        "spec.yaml:2:11: quantizer.search",
        "no quantizer is named 'lqs'; did you mean 'lsq'? (see: qnas list quantizers)",
    ),
    "unknown component in a mapping": (
        "space:\n  channels: 9\n  name: basik\n",
        "spec.yaml:3:9: space.name",
        "no space is named 'basik'; did you mean 'basic'?",
    ),
    "unknown component in a list": (
        "space:\n  name: basic\n  operations:\n    body: [conv3x3, conv3x4]\n",
        "spec.yaml:4:21: space.operations.body.1",
        "no operation is named 'conv3x4'; did you mean 'conv3x3'?",
    ),
    "unknown component in a test set": (
        "data:\n  test: {mine: foto}\n",
        "spec.yaml:2:16: data.test.mine",
        "did you mean 'photos'?",
    ),
    "unknown component inside a component": (
        "regularizers:\n  cost: {cost: bitop}\n",
        "spec.yaml:2:16: regularizers.cost.cost",
        "no cost is named 'bitop'; did you mean 'bitops'?",
    ),
    "words without brackets in braces": (
        "data: {train: {name: folder, path: a, b}}\n",
        "spec.yaml:1:39: data.train.b",
        "unknown field (fields: path, lr_path); a list needs brackets: path: [a, b]",
    ),
    # wrong types
    "word for a whole number": ("scale: two\n", "spec.yaml:1:8: scale", "must be a whole number (got 'two')"),
    "fraction for a whole number": ("scale: 2.5\n", "spec.yaml:1:8: scale", "must be a whole number (got 2.5)"),
    "true for a whole number": (
        "scale: true\n",
        "spec.yaml:1:8: scale",
        "must be a whole number (got true)",
    ),
    "list for a whole number": (
        "space:\n  name: basic\n  channels:\n    - 9\n",
        "spec.yaml:4:5: space.channels",
        "must be a whole number (got [9])",
    ),
    "word for a number": ("train:\n  clip: much\n", "spec.yaml:2:9: train.clip", "must be a number (got 'much')"),
    "number for a name": ("name: 3\n", "spec.yaml:1:7: name", "must be text (got 3)"),
    "number for yes or no": ("space: {name: basic, bias: 3}\n", "spec.yaml:1:28: space.bias", "must be true or false"),
    "number for a way to augment": (
        "data:\n  augment: 3\n",
        "spec.yaml:2:12: data.augment",
        "must be true, false or flips (got 3)",
    ),
    "crop that the scale does not divide": (
        "scale: 4\ndata: {crop: {size: 202, stride: 70, lr: made}}\n",
        "spec.yaml:2:21: data.crop.size",
        "must be a multiple of the scale, 4 (got 202)",
    ),
    "crop smaller than a patch": (
        "scale: 4\ndata:\n  patch: 45\n  crop: {size: 176, stride: 72}\n",
        "spec.yaml:4:16: data.crop.size",
        "must be at least 180, for a patch of 45 (got 176)",
    ),
    "stride that cuts through LR pixels": (
        "scale: 4\ndata: {crop: {size: 200, stride: 70}}\n",
        "spec.yaml:2:34: data.crop.stride",
        "must be a multiple of the scale, 4, to cut LR images too (got 70); or lr: made",
    ),
    "crop without a stride": ("data: {crop: {size: 200}}\n", "spec.yaml:1:14: data.crop.stride", "is required"),
    "list for a mapping": ("train: [1]\n", "spec.yaml:1:8: train", "must be a mapping of fields (got [1])"),
    "list for a component": ("space: [basic]\n", "spec.yaml:1:8: space", UNPLACED.format("space")),
    "number for a component": ("data: {train: 3}\n", "spec.yaml:1:15: data.train", UNPLACED.format("dataset")),
    "component without a name": (
        "data: {test: {mine: {amount: 2}}}\n",
        "spec.yaml:1:21: data.test.mine",
        UNPLACED.format("dataset"),
    ),
    "word for a list of operations": (
        "space: {name: basic, operations: {body: conv3x3}}\n",
        "spec.yaml:1:41: space.operations.body",
        "must be a list (got 'conv3x3'; write [conv3x3])",
    ),
    "list for the test sets": (
        "data: {test: [photos]}\n",
        "spec.yaml:1:14: data.test",
        "must be a mapping (got ['photos'])",
    ),
    # out of range
    "zero for a count": ("train:\n  batch: 0\n", "spec.yaml:2:10: train.batch", "greater than 0 (got 0)"),
    "below zero": ("space: {name: basic, channels: -4}\n", "spec.yaml:1:32: space.channels", "(got -4)"),
    "seed below zero": ("seed: -1\n", "spec.yaml:1:7: seed", "greater than or equal to 0 (got -1)"),
    "seed too large": (
        "seed: 9223372036854775808\n",
        "spec.yaml:1:7: seed",
        "less than 9223372036854775808",
    ),
    "patch too small": ("data: {patch: 7}\n", "spec.yaml:1:15: data.patch", "greater than or equal to 8"),
    "no number": ("train: {clip: .nan}\n", "spec.yaml:1:15: train.clip", "must be a finite number (got nan)"),
    "none of the choices": ("device: gpu\n", "spec.yaml:1:9: device", "'auto', 'cpu', 'cuda' or 'mps' (got 'gpu')"),
    "none of a component's choices": (
        "space: {name: basic, variant: C}\n",
        "spec.yaml:1:31: space.variant",
        "must be 'A' or 'B' (got 'C')",
    ),
    "a tie above one": ("search: {tie: 1.5}\n", "spec.yaml:1:15: search.tie", "less than or equal to 1"),
    "an even kernel": (
        "space:\n  name: basic\n  operations: [conv3x3, {name: conv, kernel: 4}]\n",
        "spec.yaml:3:46: space.operations.1.kernel",
        "must be an odd number (got 4)",
    ),
    "a penalty below zero": (
        "regularizers: {entropy: {weight: -1}}\n",
        "spec.yaml:1:34: regularizers.entropy.weight",
        "greater than or equal to 0 (got -1)",
    ),
    "an endless learning rate": (
        "train: {learning_rate: .inf}\n",
        "spec.yaml:1:24: train.learning_rate",
        "must be a finite number (got inf)",
    ),
    # unknown fields
    "unknown field": ("seed: 1\nskale: 2\n", "spec.yaml:2:1: skale", "unknown field; did you mean 'scale'?"),
    "unknown field of a group": (
        "data:\n  ptach: 24\n",
        "spec.yaml:2:3: data.ptach",
        "unknown field; did you mean 'patch'? (fields: train, test, validation, patch, crop, augment, degradation)",
    ),
    "unknown field of a component": (
        "space: {name: basic, chanels: 9}\n",
        "spec.yaml:1:22: space.chanels",
        "unknown field; did you mean 'channels'?",
    ),
    "unknown field of an operation": (
        "space:\n  name: basic\n  operations:\n    all:\n      - conv3x3\n      - name: conv\n        kernal: 5\n",
        "spec.yaml:7:9: space.operations.all.1.kernal",
        "unknown field; did you mean 'kernel'? (fields: branches, kernel, groups, dilation)",
    ),
    "unknown field of a component without fields": (
        "data: {train: {name: photos, sise: 3}}\n",
        "spec.yaml:1:30: data.train.sise",
        "unknown field (fields: none)",
    ),
    "a field that is missing": (
        "data:\n  train:\n    name: folder\n",
        "spec.yaml:3:5: data.train.path",
        "is required",
    ),
    # bit-widths
    **{
        f"{text} bits": (
            f"space:\n  name: basic\n  bits: [4, {text}]\n",
            "spec.yaml:3:13: space.bits.1",
            f"{BITS} (got {text})",
        )
        for text in ("0", "1", "17", "1.5", "64", "'4'", "true")
    },
    "the only width is wrong": ("space: {name: basic, bits: [64]}\n", "spec.yaml:1:29: space.bits.0", BITS),
    "a width that stands there twice": (
        "space: {name: basic, bits: [[4, 8], 2, [4, 8]]}\n",
        "spec.yaml:1:28: space.bits",
        "must not list 4/8 twice",
    ),
    "a pair with a wrong width": (
        "space: {name: basic, bits: [4, [4, 1]]}\n",
        "spec.yaml:1:32: space.bits.1",
        f"{BITS} (got [4, 1])",
    ),
    "three widths": (
        "space: {name: basic, bits: [4, [4, 4, 8]]}\n",
        "spec.yaml:1:32: space.bits.1",
        "must be one bit-width, or a pair: [weights, activations] (got [4, 4, 8])",
    ),
    "bits that are no list": (
        "space: {name: basic, bits: 4}\n",
        "spec.yaml:1:28: space.bits",
        "must be a list (got 4; write [4])",
    ),
    "bits without brackets": (
        "space:\n  bits: 4, 8\n",
        "spec.yaml:2:9: space.bits",
        "must be a list (got '4, 8'; write [4, 8])",
    ),
    "bits without brackets in braces": (
        "space: {name: basic, bits: 4, 8}\n",
        "spec.yaml:1:31",
        "a key must be a word (got 8); a list needs brackets: bits: [4, 8]",
    ),
    "a key that is no word": ("space: {name: basic, 8: 4}\n", "spec.yaml:1:22", "a key must be a word (got 8)"),
    "no bits": ("space: {name: basic, bits: []}\n", "spec.yaml:1:28: space.bits", "must not be empty"),
    "an operation that stands there twice": (
        "space: {name: basic, operations: [conv3x3, conv3x3]}\n",
        "spec.yaml:1:34: space.operations",
        "must not list conv3x3 twice",
    ),
    "the only operation is wrong": (
        "space: {name: basic, operations: {body: [conv9x9]}}\n",
        "spec.yaml:1:42: space.operations.body.0",
        "no operation is named 'conv9x9'",
    ),
    # fields that do not go together
    "a scale that the space can't do": (
        "seed: 1\nscale: 5\n",
        "spec.yaml:2:8: scale",
        "the space 'basic' can't do scale 5 (it can do: 2, 3, 4)",
    ),
    "an operation that can't live in a slot": (
        "space:\n  name: basic\n  operations: {head: [conv3x3, identity]}\n",
        "spec.yaml:3:32: space.operations.head.1",
        "'identity' can't live in slot 'head.0': it keeps channels and size, the slot has 3 -> 36 channels"
        " (of its candidates these fit: conv3x3)",
    ),
    "channels that the default operations can't divide": (
        "space: {name: basic, channels: 35}\n",
        "spec.yaml:1:8: space",
        "3 groups don't divide 3 -> 35 channels (of its candidates these fit: conv1x1, conv3x3, conv5x5)",
    ),
    "an unknown role": (
        "space:\n  name: basic\n  operations:\n    bdy: [conv3x3]\n",
        "spec.yaml:4:5: space.operations.bdy",
        "no such role (roles: all, head, body, skip, upsample, tail)",
    ),
    "a quantizer without a grid in the found network": (
        "quantizer:\n  train: noise\n",
        "spec.yaml:2:10: quantizer.train",
        "'noise' can't train: it has no integer grid",
    ),
    "the supernet of a random search": (
        "train: {start: supernet}\nsearch: random\n",
        "spec.yaml:1:16: train.start",
        "the search 'random' leaves no supernet: use scratch",
    ),
    "a warm-up without an end": (
        "search:\n  epochs: 3\n  warmup: 3\n",
        "spec.yaml:3:11: search.warmup",
        "must leave an epoch to search in, of 3 (got 3)",
    ),
    "more epochs than steps": (
        "search:\n  steps: 3\n  epochs: 4\n",
        "spec.yaml:3:11: search.epochs",
        "must be at most the number of steps, 3 (got 4)",
    ),
    "a name that is a path": ("name: a/b\n", "spec.yaml:1:7: name", f"{LETTERS} (got 'a/b')"),
    "a name that climbs": ("name: ..\n", "spec.yaml:1:7: name", LETTERS),
    "an empty name": ("name: ''\n", "spec.yaml:1:7: name", LETTERS),
    "no test set": ("data: {test: {}}\n", "spec.yaml:1:14: data.test", "must not be empty"),
    "a regularizer that is a number": (
        "regularizers:\n  entropy: 0.1\n",
        "spec.yaml:2:12: regularizers.entropy",
        UNPLACED.format("regularizer"),
    ),
    "an unknown regularizer": (
        "regularizers:\n  entropi: {weight: 1}\n",
        "spec.yaml:2:3: regularizers.entropi",
        "did you mean 'entropy'?",
    ),
}


@pytest.mark.parametrize(("text", "where", "gist"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_with_its_place_its_field_and_what_is_valid(mistakes, text, where, gist):
    (told,) = mistakes(text)
    assert told.startswith(f"{where}: ")
    assert gist in told


JARGON = re.compile(
    r"[Vv]alue error|[Ii]nput|tuple|dictionary|<class|validation,|datetime|type=|unable to|None|True|False|Node|string"
)
TEXTS = {
    "word for a number": "scale: two\n",
    "unknown field": "skale: 2\n",
    "missing field": "data: {train: folder}\n",
    "even kernel": "space: {name: basic, operations: [conv3x3, {name: conv, kernel: 4}]}\n",
    "name": "name: a/b\n",
    "list for a mapping": "data: {test: [photos]}\n",
    "component": "space: 3\n",
    "no items": "space: {name: basic, bits: []}\n",
    "no sets": "data: {test: {}}\n",
    "yes or no": "data: {augment: maybe}\n",
    "date": "seed: 2024-01-31\n",
    "nothing": "scale:\n",
    "name is nothing": "space: {name: }\n",
    "true": "space: {name: basic, bits: [4, true]}\n",
    "path": "data: {train: {name: folder, path: 3}}\n",
    "list as a key": "[a, b]: 3\n",
    "number as a key": "1: 3\n",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_message_speaks_the_users_language(mistakes, text):
    (told,) = mistakes(text)
    assert not JARGON.search(told)


def test_several_mistakes_give_a_line_each(mistakes):
    told = mistakes(
        "scale: two\n"
        "space: {name: basic, channels: 0, cells: x}\n"
        "quantizer: {search: lqs}\n"
        "train: {batch: 0}\n"
        "data: {ptach: 3}\n"
    )
    assert {": ".join(line.split(": ")[:2]) for line in told} == {
        "spec.yaml:1:8: scale",
        "spec.yaml:2:32: space.channels",
        "spec.yaml:2:42: space.cells",
        "spec.yaml:3:21: quantizer.search",
        "spec.yaml:4:16: train.batch",
        "spec.yaml:5:8: data.ptach",
    }
    assert len(told) == 6


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("skale: 2\nsead: 1\n", ["spec.yaml:1:1", "spec.yaml:2:1"]),
        (
            "skale: 2\nseed: x\n",
            ["spec.yaml:1:1", "spec.yaml:2:7"],
        ),
    ],
)
def test_an_unknown_field_hides_no_other_mistake(mistakes, text, places):
    assert [line.split(": ")[0] for line in mistakes(text)] == places


VALID = ["scale: 2", "seed: 7", "precision: float32", "device: cpu", "report: html", "data: {patch: 24}"]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    others=st.lists(st.sampled_from(VALID), unique=True),
    before=st.integers(0, 6),
    blank=st.integers(0, 3),
    indent=st.integers(1, 6),
    gap=st.integers(1, 4),
)
def test_a_mistake_is_found_wherever_it_stands(mistakes, others, before, blank, indent, gap):
    wrong = "train:\n" + "\n" * blank + " " * indent + "# a comment\n" + f"{' ' * indent}steps:{' ' * gap}nine"
    text = "\n".join([*others[:before], wrong, *others[before:]]) + "\n"
    lines = text[: text.index("nine")].split("\n")
    (told,) = mistakes(text)
    assert told.startswith(f"spec.yaml:{len(lines)}:{len(lines[-1]) + 1}: train.steps: ")
