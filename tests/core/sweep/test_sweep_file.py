"""Sweep files: what they state, and mistakes in them by line and column."""

from pathlib import Path

import pytest

from qnas.core.errors import InputError
from qnas.core.spec import Assignment
from qnas.core.sweep.sweep_file import Sweep, read_sweep

TEXT = """\
spec: base.yaml
seeds: 3
variants:
  searched: {vary: {regularizers.cost.weight: [0, 1e-3]}}
  uniform: {spec: ../other.yaml, set: {space: {name: rfdn, bits: [4]}}}
"""


def read(folder: Path, text: str) -> Sweep:
    (folder / "sweep.yaml").write_text(text)
    return read_sweep(folder / "sweep.yaml")


def test_variants_have_specs_beside_the_file_and_values_with_their_places(tmp_path: Path) -> None:
    sweep = read(tmp_path, TEXT)
    searched, uniform = sweep.variants
    where = f"{tmp_path}/sweep.yaml"
    assert (sweep.seeds, sweep.is_file) == (3, True)
    assert (searched.name, searched.spec, searched.set) == ("searched", tmp_path / "base.yaml", ())
    assert searched.vary["regularizers.cost.weight"] == (
        Assignment("regularizers.cost.weight", 0, f"{where}:4:48"),
        Assignment("regularizers.cost.weight", 0.001, f"{where}:4:51"),
    )
    assert uniform.spec == tmp_path / "../other.yaml"
    assert uniform.set == (Assignment("space", {"name": "rfdn", "bits": [4]}, f"{where}:5:47"),)


def test_a_plain_spec_is_the_only_variant(tiny: Path) -> None:
    (variant,) = read_sweep(tiny).variants
    assert (variant.name, variant.spec, dict(variant.vary)) == (None, tiny, {})
    assert not read_sweep(tiny).is_file


def test_some_variants_more_values_and_other_seeds(tmp_path: Path) -> None:
    sweep = read(tmp_path, TEXT)
    assert sweep.only([]) == sweep.seeded(None) == sweep.varied([]) == sweep
    assert [variant.name for variant in sweep.only(["uniform"]).variants] == ["uniform"]
    assert sweep.seeded(1).seeds == 1
    varied = sweep.varied([Assignment("scale", [2, 3], "--vary scale")])
    assert [list(variant.vary) for variant in varied.variants] == [["regularizers.cost.weight", "scale"], ["scale"]]
    assert [value.value for value in varied.variants[1].vary["scale"]] == [2, 3]


@pytest.mark.parametrize(
    ("text", "told"),
    {
        "unknown field": ("variants: {a: {sets: {}}}", r":1:16: variants.a.sets: unknown field; did you mean 'set'?"),
        "no variant": ("spec: s.yaml\nvariants: {}", ":2:11: variants: must not be empty"),
        "no mapping": ("variants: [a]", ":1:11: variants: must be a mapping"),
        "nothing": ("variants:\n  a:\n", ":2:5: variants.a: must be a mapping of fields (got nothing)"),
        "name": ("spec: s.yaml\nvariants: {a/b: {}}", ":2:17: variants.a/b: must start with a letter or digit"),
        "no list": (
            "variants: {a: {vary: {scale: 2}}}",
            ":1:30: variants.a.vary.scale: must be a list (got 2; write [2])",
        ),
        "no value": ("variants: {a: {vary: {scale: []}}}", ":1:30: variants.a.vary.scale: must not be empty"),
        "seeds": ("seeds: 0\nvariants: {a: {}}", ":1:8: seeds: must be greater than 0 (got 0)"),
        "no spec": ("variants:\n  a: {}", ":2:3: variants.a: needs a spec, its own or one for the whole file"),
        "no field": ("spec: s.yaml\nvariants: {a: {set: {a..b: 1}}}", ":2:28: 'a..b' is not a field"),
        "broken": ("variants: [", ":1:12: this is not valid YAML"),
        "twice": ("spec: s\nvariants:\n  a: {}\n  a: {}", ":4:3: duplicate key 'a' (first on line 3)"),
    }.values(),
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"{tmp_path}/sweep.yaml{told}")


def test_a_variant_that_is_not_there_is_told_with_the_nearest(tmp_path: Path, tiny: Path) -> None:
    with pytest.raises(
        InputError, match=r"^--only: there is no variant 'uniforn'; did you mean 'uniform'\? \(variants:"
    ):
        read(tmp_path, TEXT).only(["uniforn"])
    with pytest.raises(InputError, match=r"^--only: there is no variant 'x': the spec is not a sweep file$"):
        read_sweep(tiny).only(["x"])


@pytest.mark.parametrize(
    ("path", "values", "told"),
    [("regularizers.cost.weight", [1], "is varied already"), ("scale", [], "needs at least one value")],
)
def test_what_can_not_be_varied_is_told(tmp_path: Path, path: str, values: list[int], told: str) -> None:
    with pytest.raises(InputError, match=f"^--vary: {told}$"):
        read(tmp_path, TEXT).varied([Assignment(path, values, "--vary")])


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "sweep.yaml").write_text("spec: ~/base.yaml\nvariants: {a: {}, b: {spec: ~nobody-here/b.yaml}}\n")
    with pytest.raises(InputError, match=r"^~nobody-here/b.yaml: can't be found"):
        read_sweep(tmp_path / "sweep.yaml")
    (tmp_path / "sweep.yaml").write_text("spec: ~/base.yaml\nvariants: {a: {}, b: {spec: b.yaml}}\n")
    specs = [variant.spec for variant in read_sweep(tmp_path / "sweep.yaml").variants]
    assert specs == [tmp_path / "home/base.yaml", tmp_path / "b.yaml"]
