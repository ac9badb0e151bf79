"""``qnas list``, ``show``, ``check`` and ``schema``."""

import json
from pathlib import Path

import pytest

from qnas.core.cli.main import invoke
from qnas.core.registry import plugins
from qnas.core.spec import Spec


def test_list_names_everything_and_where_it_comes_from(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["list"]) == 0
    words = capsys.readouterr().out.split()
    for registry in plugins().registries.values():
        for entry in registry:
            assert entry.name in words
    assert "qnas" in words


def test_list_of_one_kind_in_singular_or_plural(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["list", "quantizers"]) == 0
    plural = capsys.readouterr().out
    assert invoke(["list", "quantizer"]) == 0
    assert capsys.readouterr().out == plural
    assert "lsq" in plural and "basic" not in plural


def test_list_of_names_that_match_a_pattern(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["list", "*fdn*"]) == 0
    found = capsys.readouterr().out
    assert "rfdn" in found and "quantnas-rfdn" in found and "imdn" not in found
    assert invoke(["list", "targets", "open*"]) == 0
    found = capsys.readouterr().out
    assert "openvino" in found and "onnxruntime" not in found
    assert invoke(["list", "targets", "rfdn*"]) == 2
    assert "no target has a name like 'rfdn*'" in capsys.readouterr().err


def test_an_unknown_kind_or_name_is_told_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["list", "quantiser"]) == 2
    assert "did you mean 'quantizer'?" in capsys.readouterr().err
    assert invoke(["show", "spacse", "basic"]) == 2
    assert "did you mean 'space'?" in capsys.readouterr().err
    assert invoke(["show", "space", "basik"]) == 2
    assert "did you mean 'basic'?" in capsys.readouterr().err


@pytest.mark.parametrize("kind", list(plugins().registries))
def test_show_says_what_every_component_is(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    for entry in plugins().registries[kind]:
        assert invoke(["show", kind, entry.name]) == 0
        shown = capsys.readouterr().out
        assert shown.startswith(f"{entry.name} ({kind} of qnas")
        for field in plugins().registries[kind].load(entry.name).field_names():
            assert field in shown
        assert "Annotated" not in shown


def test_check_says_what_the_run_will_be(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["check", str(tiny)]) == 0
    shown = capsys.readouterr().out
    # Head, upsample and tail have 5 slots of 10 candidates, the chain 2 of 8, the skip one of 6.
    assert "tiny: 8 slots, 38,400,000 architectures, scale 2" in shown
    assert 10**5 * 8**2 * 6 == 38_400_000
    assert "images: train 12, test.leaves 2" in shown
    assert "memory about" in shown
    assert not (tiny.parent / "runs").exists()


def test_schema_is_that_of_the_spec(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == Spec.model_json_schema()


def test_out_of_memory_and_odd_places_are_one_line(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["check", str(tiny), "--set", "space.channels=300000"]) == 1
    assert capsys.readouterr().err == "out of memory: lower the batch, data.patch or the space's channels\n"
    assert invoke(["run", str(tiny), "--out", str(tiny / "x")]) == 2
    told = capsys.readouterr().err
    assert "the output folder can't be made" in told and len(told.splitlines()) == 1
