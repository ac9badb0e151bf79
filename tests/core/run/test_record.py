"""The record of a run: one reader, and specs that may grow."""

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from qnas.core.cli.main import invoke
from qnas.core.comparison import compare_runs, find_runs
from qnas.core.errors import InputError
from qnas.core.files.folder import RunFolder
from qnas.core.run.deployment.found import load_found
from qnas.core.run.record import RunRecord
from qnas.core.run.resuming.kept_spec import refuse_other_spec
from qnas.core.run.run import run_spec
from qnas.core.spec import Spec, dump_spec, load_spec

from ...found_run import write_run as write_found
from ...synthetic_runs import write_run

BEFORE = Path(__file__).parents[2] / "runs_before"


def test_a_record_reads_what_there_is(tmp_path: Path) -> None:
    write_found(tmp_path / "run")
    record = RunRecord(RunFolder(tmp_path / "run"))
    assert record.has_begun
    assert not record.is_judged
    assert record.ended == []
    assert record.stages["train"] == {}
    assert (record.history["train"], record.examples, record.environment, record.page) == ([], [], {}, None)
    assert record.spec.name == record.spec_data["name"] == "run"
    assert record.whole_spec == record.spec.model_dump(mode="json")
    image = torch.rand(1, 3, 8, 8)
    found = load_found(tmp_path / "run", torch.device("cpu"))
    assert torch.equal(record.network()(image), found.network(image))
    with pytest.raises(InputError, match="is not finished"):
        record.refuse_unfinished()


def test_a_page_elsewhere_is_none(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.html").write_text("")
    write_run(tmp_path / "run", files={"report/result.json": {"file": "../elsewhere.html"}})
    assert RunRecord(RunFolder(tmp_path / "run")).page is None


def test_what_is_known_of_exported_files_is_neither_a_stages_result_nor_what_was_timed(tmp_path: Path) -> None:
    measured = [{"target": "b", "threads": 1}]
    others = {"export/result.json": {"targets": {}}, "export/bench.json": {"measured": measured}}
    files = {"export/b.json": {"bytes": 2}, "export/a.json": {"bytes": 1}, "export/.c.json": "half"}
    record = RunRecord(RunFolder(write_run(tmp_path / "run", files={**files, **others})))
    assert record.exports == {"a": {"bytes": 1}, "b": {"bytes": 2}}
    assert record.timings == measured
    bare = RunRecord(RunFolder(write_run(tmp_path / "bare")))
    assert (bare.exports, bare.timings) == ({}, [])


@pytest.mark.parametrize("stage", ["search", "train"])
def test_the_search_writes_what_it_found(stage: str, tiny: Path, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    run_spec(load_spec(tiny), folder, until=stage)
    assert folder.has("architecture.json")
    assert not folder.has("search/best.json")
    text = folder.read_text("architecture.json")
    folder.write_text("architecture.json", text + " ")
    with pytest.raises(InputError, match=r"architecture\.json: is not what the search found: it is damaged"):
        run_spec(load_spec(tiny), folder, resume=True)


def without(file: Path, *keys: str) -> None:
    data = json.loads(file.read_text())
    file.write_text(json.dumps({key: value for key, value in data.items() if key not in keys}))


@pytest.mark.slow
@pytest.mark.parametrize("until", ["search", "derive", "evaluate"])
def test_a_run_whose_search_was_of_before_goes_on_to_the_same_bytes(until: str, tiny: Path, tmp_path: Path) -> None:
    whole, old = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "old")
    run_spec(load_spec(tiny), whole)
    run_spec(load_spec(tiny), old, until=until)
    shutil.copy(old.path / "architecture.json", old.path / "search/best.json")
    without(old.path / "search/result.json", "architecture_sha256")
    if until == "search":
        (old.path / "architecture.json").unlink()
    run_spec(load_spec(tiny), old, resume=True)
    for name in ("architecture.json", "model.safetensors", "search/history.jsonl", "train/history.jsonl"):
        assert (old.path / name).read_bytes() == (whole.path / name).read_bytes(), name


def test_what_the_search_of_before_found_is_compared_with_its_copy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(BEFORE / "train", run)
    with (run / "architecture.json").open("a") as stream:
        stream.write(" ")
    assert invoke(["run", str(BEFORE / "train.yaml"), "--out", str(run), "--resume"]) == 2
    assert "(search/best.json): one of the two is damaged" in capsys.readouterr().err


def leaves(data: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of all fields, including those of groups."""
    for key, value in data.items():
        yield (*path, key)
        if isinstance(value, Mapping):
            yield from leaves(value, (*path, key))


def lacking(data: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """The data as written before a field existed."""
    key, *rest = path
    if not rest:
        return {name: value for name, value in data.items() if name != key}
    return {**data, key: lacking(data[key], tuple(rest))}


DEFAULT = Spec.model_validate({"name": "run"})
PLAIN = yaml.safe_load(dump_spec(DEFAULT))
FREE = {"loss", "regularizers", "test"}
"""Mappings whose keys the user chooses: no key has a default."""
FIELDS = [path for path in leaves(PLAIN) if path[-1] not in {"name", "version"} and not FREE.intersection(path[:-1])]


def test_fields_of_all_depths_are_tried() -> None:
    assert {("precision",), ("train",), ("train", "clip"), ("space", "channels"), ("data", "patch")} <= set(FIELDS)


@pytest.mark.parametrize("field", FIELDS, ids=".".join)
def test_a_run_from_before_a_field_is_the_run_that_it_was(field: tuple[str, ...], tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.write_text("spec.yaml", yaml.safe_dump(lacking(PLAIN, field)))
    refuse_other_spec(DEFAULT, folder)
    record = RunRecord(folder)
    assert record.spec == DEFAULT
    assert record.whole_spec == DEFAULT.model_dump(mode="json")


def test_runs_of_one_spec_from_before_and_after_a_field_share_a_row(tmp_path: Path) -> None:
    for seed, field in enumerate([None, ("precision",), ("train", "clip"), ("report",)]):
        run = write_run(tmp_path / f"seed-{seed}", 27.0 + seed)
        spec = {**PLAIN, "scale": 4, "seed": seed}
        (run / "spec.yaml").write_text(yaml.safe_dump(lacking(spec, field) if field else spec))
    compared = compare_runs(find_runs([tmp_path]))
    assert [group.seeds for group in compared.groups] == [[0, 1, 2, 3]]
    assert compared.notices == []


@pytest.mark.slow
def test_a_sweep_from_before_a_field_goes_on(tiny: Path, tmp_path: Path) -> None:
    sweep = ["sweep", str(tiny), "--seeds", "2", "--out", str(tmp_path / "sweep")]
    assert invoke([*sweep]) == 0
    points = sorted((tmp_path / "sweep").glob("seed-*"))
    assert len(points) == 2
    for point in points:
        spec = yaml.safe_load((point / "spec.yaml").read_text())
        (point / "spec.yaml").write_text(yaml.safe_dump(lacking(lacking(spec, ("precision",)), ("train", "clip"))))
    kept = {point: (point / "model.safetensors").stat().st_mtime_ns for point in points}
    shutil.rmtree(points[1] / "report")
    assert invoke([*sweep]) == 0
    assert {point: (point / "model.safetensors").stat().st_mtime_ns for point in points} == kept
    assert (points[1] / "report/result.json").exists()
    assert yaml.safe_load((points[1] / "spec.yaml").read_text()).keys() & {"precision"} == set()
