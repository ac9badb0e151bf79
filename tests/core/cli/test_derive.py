"""``qnas derive`` from the outside."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from qnas.core.cli.main import invoke
from qnas.core.files.folder import RunFolder
from qnas.core.run.parent import derived_spec, limited_spec
from qnas.core.run.record import RunRecord
from qnas.core.run.resuming.stop import Stop
from qnas.core.run.run import run_spec
from qnas.core.spec import read_spec

from ...conftest import TINY
from ...found_run import edit_spec, write_run


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    folder = tmp_path_factory.mktemp("parent")
    (folder / "spec.yaml").write_text(TINY)
    assert invoke(["run", str(folder / "spec.yaml"), "--out", str(folder / "run")]) == 0
    return folder / "run"


def derive(*arguments: object) -> int:
    return invoke(["derive", *map(str, arguments)])


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_network_is_tuned_with_integers_between(parent: Path, tmp_path: Path) -> None:
    before, out = contents(parent), tmp_path / "child"
    assert derive(parent, "--between", 8, "--steps", 4, "--learning-rate", 0.0005, "-o", out) == 0
    assert contents(parent) == before
    child = RunRecord(RunFolder(out))
    assert child.between == 8
    assert child.spec.name == "tiny-between-8"
    assert (child.spec.train.steps, child.spec.train.learning_rate) == (4, 0.0005)
    assert child.architecture_text == RunRecord(RunFolder(parent)).architecture_text
    known = json.loads((out / "parent.json").read_text())
    assert (known["name"], known["folder"], known["between"]) == ("tiny", str(parent), None)
    assert child.ended == ["search", "derive", "train", "evaluate", "report"]
    names = child.network().state_dict().keys()
    assert "head.1.joint.quantizer.log_step" in names


@pytest.mark.slow
def test_it_starts_with_the_weights_of_its_parent(parent: Path, tmp_path: Path) -> None:
    out = tmp_path / "child"
    assert derive(parent, "--between", 16, "--steps", 1, "--learning-rate", 1e-9, "-o", out) == 0
    before, after = (RunRecord(RunFolder(path)).network().state_dict() for path in (parent, out))
    weights = [name for name in before if name.endswith("operation.weight")]
    assert weights
    for name in weights:
        torch.testing.assert_close(after[name], before[name], atol=1e-6, rtol=0)


@pytest.mark.slow
def test_one_that_was_stopped_goes_on_to_the_same_bytes(parent: Path, tmp_path: Path) -> None:
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    assert derive(parent, "--between", 8, "--steps", 4, "-o", whole) == 0
    shutil.copytree(whole, parted)
    for stage in ("train", "evaluate", "report"):
        shutil.rmtree(parted / stage, ignore_errors=True)
    (parted / "model.safetensors").unlink()
    (parted / "result.json").unlink()
    stop = Stop()
    stop.signal = 15
    spec = read_spec(parted / "spec.yaml").spec
    with pytest.raises(KeyboardInterrupt):
        run_spec(spec, RunFolder(parted), resume=True, stop=stop)
    assert invoke(["run", str(parted / "spec.yaml"), "--out", str(parted), "--resume"]) == 0
    for name in ("architecture.json", "model.safetensors"):
        assert (parted / name).read_bytes() == (whole / name).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--steps", 1), "say what to derive: either --between or --limit or --front"),
        (("--between", 8, "--limit", "bitops=1G"), "say what to derive: either --between or --limit or --front"),
        (("--between", 8), "--between needs --steps"),
        (("--limit", "bitops"), "must be COST=AMOUNT, such as bitops=2G (got bitops)"),
        (("--limit", "bitops=1"), "limits.bitops: must be at least "),
        (("--limit", "bitps=1G"), "no such cost; did you mean 'bitops'?"),
        (("--between", 4, "--steps", 1), "'4' is not one of '8', '16'"),
        (("--between", 8, "--steps", 0), "0 is not in the range x>=1"),
    ],
)
def test_a_wrong_command_is_one_line(
    arguments: tuple[object, ...], message: str, parent: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert derive(parent, *arguments, "-o", tmp_path / "child") == 2
    assert message in capsys.readouterr().err


def test_what_cannot_be_a_parent_is_named(parent: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert derive(tmp_path, "--between", 8, "--steps", 1, "-o", tmp_path / "child") == 2
    assert "there is no run in the folder (no spec.yaml in it)" in capsys.readouterr().err
    assert derive(parent, "--between", 8, "--steps", 1, "-o", parent) == 2
    assert "the output folder exists" in capsys.readouterr().err
    child = tmp_path / "child"
    assert derive(parent, "--between", 8, "--steps", 1, "-o", child) == 0
    for between in (8, 16):  # the steps that were trained are those of 8 bits
        assert derive(child, "--between", between, "--steps", 1, "-o", tmp_path / "grandchild") == 2
        assert "already has 8 bits between its slots" in capsys.readouterr().err


def test_a_network_in_float_cannot_have_integers_between(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path / "run", train="none")
    assert derive(tmp_path / "run", "--between", 8, "--steps", 1, "-o", tmp_path / "child") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "can't have 8 bits between its slots: " in line
    assert "a network in float has no integers between its slots" in line


def test_it_exports_to_the_targets_that_can_run_it(parent: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(parent, run)
    edit_spec(run, "target", value="openvino")
    edit_spec(run, "export", value=["onnxruntime", "openvino"])
    spec = derived_spec(RunRecord(RunFolder(run)), 8, 1, None)
    assert [target.name for target in spec.exported_to] == ["onnxruntime"]


def test_a_derived_run_has_no_baselines(parent: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(parent, run)
    edit_spec(run, "baselines", value=["float", "uniform"])
    edit_spec(run, "train", "float_steps", value=5)
    record = RunRecord(RunFolder(run))
    for spec in (derived_spec(record, 8, 1, None), limited_spec(record, {"params": "1M"}, None, None)):
        assert (spec.baselines, spec.train.float_steps) == ((), None)


def test_another_network_of_its_search_keeps_to_a_limit(parent: Path, tmp_path: Path) -> None:
    before, out = contents(parent), tmp_path / "child"
    found = RunRecord(RunFolder(parent)).result["params"]
    assert derive(parent, "--limit", f"params={found - 1}", "--steps", 2, "-o", out) == 0
    assert contents(parent) == before
    child = RunRecord(RunFolder(out))
    assert child.result["limits"] == {"params": {"limit": found - 1, "used": child.result["params"]}}
    assert child.result["params"] < found
    assert child.spec.train.steps == 2
    known = json.loads((out / "parent.json").read_text())
    assert known == {"name": "tiny", "folder": str(parent), "limits": {"params": found - 1}}
    assert child.ended == ["search", "derive", "train", "evaluate", "report"]
    assert invoke(["run", str(out / "spec.yaml"), "--out", str(out), "--resume"]) == 0


def test_without_probabilities_no_other_network_can_be_chosen(
    parent: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(parent, run)
    for name, why in (
        ("search/supernet.safetensors", "the search of the run left no probabilities"),
        ("search/result.json", "the search of the run is not finished"),
        ("spec.yaml", "there is no run in the folder"),
    ):
        (run / name).unlink()
        assert derive(run, "--limit", "params=1M", "-o", tmp_path / "child") == 2
        assert f"{run}: {why} (no {name} in it)" in capsys.readouterr().err
    assert not (tmp_path / "child").exists()
