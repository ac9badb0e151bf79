"""The points of a sweep: which there are, what each runs, and that mistakes in any of them are found beforehand."""

import itertools
from pathlib import Path

import pytest

from qnas.core.errors import InputError
from qnas.core.spec import load_spec

from .conftest import Points


def test_points_are_the_product_of_all_values_times_seeds(points: Points) -> None:
    planned = points("regularizers.cost.weight=0,1e-3", "space.bits=[4],[4,8]", seeds=2, sets=["seed=7"])
    assert [(p.values["regularizers.cost.weight"], p.values["space.bits"], p.spec.seed) for p in planned] == [
        (weight, bits, seed) for seed, weight, bits in itertools.product((7, 8), (0, 0.001), ([4], [4, 8]))
    ]
    assert planned[1].folder == "weight=0,bits=4-8/seed-7"
    for point in planned:
        assert point.spec.regularizers["cost"].weight == point.values["regularizers.cost.weight"]
        assert len(point.spec.space.bits) == len(point.values["space.bits"])


def test_a_point_is_what_set_would_make_of_the_spec(points: Points, tiny: Path) -> None:
    (point,) = points("space.bits=[8]", "data.test.more={name: photos}", sets=["train.steps=5"])
    overrides = ["space.bits=[8]", "data.test.more={name: photos}", "train.steps=5"]
    assert point.spec == load_spec(tiny, overrides)


def test_a_spec_without_values_has_a_point_for_each_seed(points: Points) -> None:
    assert [point.folder for point in points(seeds=3)] == ["seed-0", "seed-1", "seed-2"]


def test_steps_are_those_that_the_stages_will_report(points: Points) -> None:
    text = "spec: spec.yaml\nvariants:\n  a: {}\n  b: {set: {space.operations: [native], space.bits: [4]}}"
    searched, fixed = points(text=text)
    others = dict.fromkeys(("derive", "float", "evaluate", "baselines", "export", "report"), 0)
    assert searched.steps == {"search": 6, "train": 6, **others}
    assert fixed.steps == {**searched.steps, "search": 0}


VARIANTS = """\
spec: spec.yaml
seeds: 2
variants:
  searched: {vary: {regularizers.cost.weight: [0.0, 0.1]}}
  uniform: {set: {space: {name: basic, channels: 9, bits: [4]}, train.steps: 9}, vary: {space.bits: [[4], [8]]}}
  other: {spec: other.yaml}
"""


def test_variants_of_a_sweep_file(points: Points, tiny: Path) -> None:
    tiny.with_name("other.yaml").write_text(tiny.read_text().replace("cells: 1", "cells: 2"))
    planned = points(text=VARIANTS, sets=["space.cells=3", "train.steps=7"])
    assert [point.folder for point in planned[:5]] == [
        "searched/weight=0.0/seed-0",
        "searched/weight=0.1/seed-0",
        "uniform/bits=4/seed-0",
        "uniform/bits=8/seed-0",
        "other/seed-0",
    ]
    assert [(point.variant, point.spec.seed) for point in planned[5:]] == [
        *[("searched", 1)] * 2,
        *[("uniform", 1)] * 2,
        ("other", 1),
    ]
    # A field takes precedence over a mapping that holds it, wherever each is set, and the command line wins.
    assert {point.spec.space.cells for point in planned} == {3}
    assert {point.spec.train.steps for point in planned} == {7}
    assert [point.spec.space.channels for point in planned[:5]] == [6, 6, 9, 9, 6]
    assert [[bits.weight for bits in point.spec.space.bits] for point in planned[2:4]] == [[4], [8]]


@pytest.mark.parametrize("value", ["scale", "=3", "a..b=3"])
def test_what_is_no_assignment(points: Points, value: str) -> None:
    with pytest.raises(InputError, match=r"^--vary .*: must be key=value, such as a=1,2$"):
        points(value)


@pytest.mark.parametrize(
    ("vary", "told"),
    [
        (["space.bits=[4"], r"^--vary space\.bits: this is not valid YAML"),
        (["space.bits=4]"], r"^--vary space\.bits: this is not valid YAML"),
        (["space.bits="], r"^--vary space\.bits: needs at least one value$"),
        (["scale=2", "scale=3"], r"^--vary scale: is varied already$"),
        (["scale=2,3,2"], r"^--vary scale: 'scale' has the value 2 twice$"),
        (["train.learning_rate=0.001,1e-3"], r"has the value 0.001 twice$"),
        (["train.steps=5,6"], r"^--set train\.steps: 'train\.steps' is varied, so it can't be set too$"),
        (
            ["space.chanels=3,6"],
            r"^--vary space\.chanels: unknown field; did you mean 'channels'\? [^\n]*$",
        ),
        (["space.channels=6,x"], r"^--vary space\.channels: [^\n]* \(got 'x'\) \(in channels=x\)$"),
        (["device=cpu,mps"], r"^--vary device: this machine has no mps [^\n]* \(in device=mps\)$"),
        (["data.validation=2,11"], r"data\.train: has 12 images; [^\n]* \(in validation=11\)$"),
        (["scale=2,5,7"], r"^--vary scale: [^\n]*\(in scale=5\)\n--vary scale: [^\n]*\(in scale=7\)$"),
    ],
)
def test_mistakes_in_any_point_are_told_before_anything_runs(points: Points, vary: list[str], told: str) -> None:
    with pytest.raises(InputError, match=told):
        points(*vary, sets=["train.steps=7"])


def test_a_mistake_that_many_points_have_is_told_once(points: Points) -> None:
    with pytest.raises(InputError, match=r"^--vary space\.cells: [^\n]* \(in cells=0,bits=4 and 2 more\)$"):
        points("space.cells=0,1", "space.bits=[4],[8],[4,8]")


def test_a_mistake_of_a_variant_points_into_the_sweep_file(points: Points, tiny: Path) -> None:
    text = "spec: spec.yaml\nvariants:\n  a: {}\n  b:\n    set: {space: {channels: -1}}\n    vary: {scale: [2, 9]}"
    with pytest.raises(InputError) as caught:
        points(text=text)
    assert [line.split(" ")[0] for line in str(caught.value).splitlines()] == ["sweep.yaml:5:18:"]
    with pytest.raises(InputError, match=r"^sweep\.yaml:6:23: scale: .* \(in b/scale=9\)$"):
        points(text=text.replace("-1", "6"))
    with pytest.raises(InputError, match=r"^sweep\.yaml:4:18: 'scale' is varied, so it can't be set too$"):
        points(text="spec: spec.yaml\nvariants:\n  a:\n    set: {scale: 2}\n    vary: {scale: [2]}")
    with pytest.raises(InputError, match=r"^gone\.yaml: can't read the spec: No such file"):
        points(text="spec: gone.yaml\nvariants:\n  a: {}")
