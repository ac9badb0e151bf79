"""``qnas run`` from the outside: what it writes, and that it writes the same again."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from qnas.core.cli.main import invoke
from qnas.core.spec import load_spec

from ...conftest import TINY

FILES = {
    "spec.yaml",
    "environment.json",
    "images.json",
    "image_names.json",
    "run.log",
    "architecture.json",
    "model.safetensors",
    "result.json",
    "report.html",
    "search/history.jsonl",
    "search/last.json",
    "search/supernet.safetensors",
    "search/result.json",
    "derive/result.json",
    "train/history.jsonl",
    "train/last.safetensors",
    "train/result.json",
    "evaluate/result.json",
    "examples/index.json",
    "report/result.json",
}


def figures(folder: Path) -> dict[str, object]:
    result = json.loads((folder / "result.json").read_text())
    del result["seconds"]
    return result


def files(folder: Path) -> set[str]:
    return {str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file()}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the tiny spec, which no test changes."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "spec.yaml").write_text(TINY)
    assert invoke(["run", str(folder / "spec.yaml"), "--out", str(folder / "out")]) == 0
    return folder / "out"


def test_a_run_leaves_a_folder_that_explains_itself(out: Path, tiny: Path) -> None:
    assert files(out) >= FILES
    assert load_spec(out / "spec.yaml") == load_spec(tiny)
    result = json.loads((out / "result.json").read_text())
    assert set(result["test"]["leaves"]) == {"psnr_y", "ssim_y", "psnr_rgb", "ssim_rgb", "bicubic"}
    assert set(result["test"]["leaves"]["bicubic"]) == {"psnr_y", "ssim_y", "psnr_rgb", "ssim_rgb"}
    assert set(result["bitops"]) == {"32x32", "256x256"}
    # No slot of the basic space has a stride, so the cost grows with the area.
    assert result["bitops"]["256x256"] == 64 * result["bitops"]["32x32"]
    assert set(result["seconds"]) == {"search", "derive", "train", "evaluate", "report"}
    environment = json.loads((out / "environment.json").read_text())
    assert environment["seed"] == 0
    assert environment["packages"]["torch"]


def test_the_discretization_gap_is_the_supernet_against_the_found_network(out: Path) -> None:
    derived = json.loads((out / "derive/result.json").read_text())
    gap = json.loads((out / "result.json").read_text())["discretization_gap_db"]
    assert gap == derived["supernet_psnr_y"] - derived["found_psnr_y"] != 0


@pytest.mark.slow
def test_a_second_run_in_another_process_gives_the_same_bytes(out: Path, tiny: Path) -> None:
    again = tiny.parent / "again"
    command = [sys.executable, "-m", "qnas", "run", str(tiny), "--out", str(again)]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": "12345"}, capture_output=True)
    for name in ("architecture.json", "search/last.json", "search/history.jsonl", "train/history.jsonl"):
        assert (again / name).read_bytes() == (out / name).read_bytes(), name
    assert (again / "model.safetensors").read_bytes() == (out / "model.safetensors").read_bytes()
    assert figures(again) == figures(out)


@pytest.mark.slow
def test_neither_hashes_nor_the_number_of_threads_that_decode_decide_anything(tiny: Path, tmp_path: Path) -> None:
    """There are no loader processes in training: patches are drawn in the loop, from images that threads decoded."""
    images = tmp_path / "images"
    images.mkdir()
    for index in range(12):
        pixels = np.random.default_rng(index).integers(0, 256, (24, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(images / f"{index}.png")
    for hash_seed, jobs in (("1", "1"), ("4711", "5")):
        folder = tmp_path / jobs
        folder.mkdir()
        train = f"data.train={{name: pack, path: {folder / 'a.h5'}}}"
        commands = (
            ["data", "pack", str(images), str(folder / "a.h5"), "--scale", "2", "--jobs", jobs],
            ["run", str(tiny), "--out", str(folder / "run"), "--set", train, "--until", "train"],
        )
        both = f"from qnas.core.cli.main import invoke; raise SystemExit(max(map(invoke, {commands})))"
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "QNAS_CACHE": str(folder / "cache")}
        subprocess.run([sys.executable, "-c", both], check=True, env=environment, capture_output=True)
    for name in ("a.h5", "run/architecture.json", "run/search/history.jsonl", "run/model.safetensors"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "5" / name).read_bytes(), name


def test_another_seed_gives_another_run(out: Path, tiny: Path) -> None:
    other = tiny.parent / "other"
    assert invoke(["run", str(tiny), "--out", str(other), "--set", "seed=1", "--until", "train"]) == 0
    assert (other / "train/history.jsonl").read_bytes() != (out / "train/history.jsonl").read_bytes()


def test_the_best_architecture_is_kept_and_the_last_too(out: Path) -> None:
    history = [json.loads(line) for line in (out / "search/history.jsonl").read_text().splitlines()]
    best_epoch = min(history, key=lambda record: record["objective"])["epoch"]
    assert json.loads((out / "search/result.json").read_text())["best_epoch"] == best_epoch
    for name, epoch in (("architecture", best_epoch), ("search/last", history[-1]["epoch"])):
        slots = json.loads((out / f"{name}.json").read_text())["slots"]
        for path, probabilities in history[epoch]["probabilities"].items():
            likeliest = max(probabilities, key=probabilities.get)
            chosen = slots[path]
            assert likeliest == f"{chosen['operation']['name']} @ {chosen['weight_bits']}"


def test_until_stops_after_a_stage_and_resume_goes_on_to_the_same_end(out: Path, tiny: Path) -> None:
    folder = tiny.parent / "parts"
    assert invoke(["run", str(tiny), "--out", str(folder), "--until", "search"]) == 0
    assert (folder / "architecture.json").read_bytes() == (out / "architecture.json").read_bytes()
    assert invoke(["run", str(tiny), "--out", str(folder), "--resume"]) == 0
    assert figures(folder) == figures(out)
    assert (folder / "model.safetensors").read_bytes() == (out / "model.safetensors").read_bytes()


def test_resume_refuses_another_spec_and_a_folder_without_a_run(
    out: Path, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert invoke(["run", str(tiny), "--out", str(out), "--resume", "--set", "seed=5"]) == 2
    assert "not the one that this run began with (its spec.yaml): seed was 0 and is 5" in capsys.readouterr().err
    assert invoke(["run", str(tiny), "--out", str(out), "--resume", "--set", "space.bits=[8]"]) == 2
    assert "space.bits was [4, 8] and is [8]" in capsys.readouterr().err
    assert invoke(["run", str(tiny), "--out", str(tiny.parent / "none"), "--resume"]) == 2
    assert "there is no run to resume" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    "overrides",
    [
        ["train.start=supernet"],
        ["precision=bfloat16"],
        ["search={name: random, samples: 2, steps: 3}"],
        ["search.relaxation=gumbel", "search.final_temperature=0.1"],
        ["search.relaxation=gumbel-hard", "search.warmup=1"],
        ["search.form=plain", "quantizer.search=lsq"],
        ["quantizer={search: hwgq, train: hwgq}"],
        ["quantizer={search: {name: noise, distribution: uniform, deviation: rounding-error}, train: none}"],
        ["space.bits=[4]", "space.operations=[native]"],
        ["space.bits=[[4, 8], [8, 8], 32]"],
        ["space.operations={skip: [identity, native, conv3x3], body: [growth3x3, narrow3x3, depthwise3x3]}"],
        ["space.variant=A", "space.residual=adadm", "scale=3", "space.image_residual=nearest"],
        ["space.residual=plain", "scale=4"],
        ["regularizers={l1: {weight: 0.1}, macs: {name: cost, cost: macs}, params: {name: cost, cost: params}}"],
    ],
    ids=" ".join,
)
def test_every_way_to_run_comes_to_an_end(tiny: Path, overrides: list[str]) -> None:
    arguments = [part for override in overrides for part in ("--set", override)]
    out = tiny.parent / "out"
    assert invoke(["run", str(tiny), "--out", str(out), *arguments]) == 0
    result = json.loads((out / "result.json").read_text())
    assert 5 < result["test"]["leaves"]["psnr_y"] < 60
    assert "report.html" in files(out)


def test_float_layers_count_32_bits(tiny: Path) -> None:
    out = tiny.parent / "out"
    arguments = ["--set", "quantizer.train=none", "--until", "evaluate"]
    assert invoke(["run", str(tiny), "--out", str(out), *arguments]) == 0
    result = json.loads((out / "result.json").read_text())
    assert result["bitops"]["32x32"] == 32 * 32 * result["macs"]["32x32"]


def test_a_fixed_network_is_not_searched(tiny: Path) -> None:
    out = tiny.parent / "out"
    fixed = ["--set", "space.bits=[4]", "--set", "space.operations=[native]"]
    assert invoke(["run", str(tiny), "--out", str(out), "--until", "derive", *fixed]) == 0
    assert (out / "search/history.jsonl").read_text() == ""
    assert json.loads((out / "derive/result.json").read_text())["discretization_gap_db"] is None
