"""``qnas export`` from the outside."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from PIL import Image

from qnas.core.cli.main import invoke
from qnas.core.components import Runtime, Target, freeze_statistics
from qnas.core.run.deployment.found import load_found
from qnas.core.upscale.enlarging import enlarge
from qnas.plugins.targets.onnxruntime import OnnxRuntime

from ...found_run import ADQ, PLAIN, edit_spec, write_run

pytestmark = pytest.mark.slow

ALONE = """
import sys
import numpy
import onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1])
lr = numpy.load(sys.argv[2])
numpy.save(sys.argv[3], session.run(None, {"lr": lr})[0])
assert not {"torch", "qnas", "onnx"} & set(sys.modules)
"""


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A test set of two images."""
    folder = tmp_path_factory.mktemp("images") / "photos"
    folder.mkdir()
    for seed, size in enumerate(((40, 46), (34, 38))):
        smooth = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), dtype=np.uint8)
        Image.fromarray(smooth).resize(size[::-1], Image.Resampling.BICUBIC).save(folder / f"{seed}.png")
    return folder


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> Path:
    """A run with the files of two targets."""
    run = tmp_path_factory.mktemp("exported") / "run"
    write_run(run, ADQ)
    assert export(run, "--target", "onnxruntime", "--target", "openvino", "--data", photos) == 0
    return run


def export(*arguments: object) -> int:
    return invoke(["export", *map(str, arguments)])


def test_a_run_with_integers_between_is_exported_for_litert(
    tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    write_run(run, ADQ, between=8)
    assert export(run, "--target", "litert", "--data", photos) == 2
    said = "a file for 'litert' takes images of one size: name it (--size 256x256, or {name: litert, size: 256x256} in"
    assert said in capsys.readouterr().err
    assert export(run, "--target", "litert", "--data", photos, "--size", "31x35") == 0
    known = json.loads((run / "export" / "litert.json").read_text())
    assert known["size"] == [31, 35]
    assert known["integer_convolutions"] == known["convolutions"] > 0
    assert known["bytes"] == (run / "export" / "litert.tflite").stat().st_size
    assert set(known["versions"]) == {"ai-edge-litert"}


def test_what_is_known_of_a_file_stands_beside_it(exported: Path) -> None:
    known = json.loads((exported / "export" / "openvino.json").read_text())
    content = (exported / "export" / known["file"]).read_bytes()
    assert known["file"] == "openvino.onnx"
    assert (known["bytes"], known["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert known["target"] == "openvino"
    assert known["settings"] == {"INFERENCE_PRECISION_HINT": "f32"}
    assert set(known["versions"]) == {"onnx", "onnxscript", "openvino"}
    assert known["integer_convolutions"] == known["convolutions"] == 8
    assert known["parity"]["of_file"]["equal"] >= 0.999
    assert set(known["parity"]["psnr_y"]) == {"photos"}
    assert (known["size"], known["scale"], known["frozen"]) == (None, 2, [])
    assert not list(exported.rglob("*unverified*"))


def test_the_file_needs_its_runtime_only(exported: Path, tmp_path: Path) -> None:
    lr = np.random.default_rng(0).integers(0, 256, (23, 31, 3), dtype=np.uint8)
    np.save(tmp_path / "lr.npy", lr.transpose(2, 0, 1)[None].astype(np.float32) / 255)
    (tmp_path / "alone.py").write_text(ALONE)
    file = exported / "export" / "onnxruntime.onnx"
    subprocess.run([sys.executable, "alone.py", file, "lr.npy", "sr.npy"], cwd=tmp_path, check=True)
    sr = np.load(tmp_path / "sr.npy")[0].transpose(1, 2, 0)
    found = load_found(exported, torch.device("cpu"))
    expected = enlarge(found.network, lr, torch.device("cpu"))
    differing = np.rint(sr * 255).clip(0, 255).astype(np.uint8) != expected
    assert differing.mean() < 0.001


def test_a_file_that_is_there_is_not_replaced_unasked(
    exported: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(exported, "--target", "onnxruntime", "--data", photos) == 2
    assert "onnxruntime.onnx: is there already: name another with -o" in capsys.readouterr().err


def test_one_size_and_frozen_statistics(tmp_path: Path, photos: Path) -> None:
    write_run(tmp_path / "run", ADQ)
    out = tmp_path / "elsewhere" / "net.onnx"
    assert (
        export(tmp_path / "run", "--target", "onnxruntime", "-o", out, "--size", "16x18", "--freeze", "--data", photos)
        == 0
    )
    known = json.loads(out.with_suffix(".json").read_text())
    assert (known["size"], known["smallest_size"]) == ([16, 18], [16, 18])
    assert known["frozen"] == ["body.0.deviation"]
    network = load_found(tmp_path / "run", torch.device("cpu")).network
    freeze_statistics(network)
    lr = np.random.default_rng(0).integers(0, 256, (16, 18, 3), dtype=np.uint8)
    run = OnnxRuntime().load(out)
    theirs = enlarge(lambda image: torch.from_numpy(run(image.numpy())), lr, torch.device("cpu"))
    assert (theirs != enlarge(network, lr, torch.device("cpu"))).mean() < 0.001
    assert not (tmp_path / "run" / "export").exists()


def test_a_file_that_gives_other_images_is_not_shipped(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path / "run", PLAIN)
    load = OnnxRuntime.load
    monkeypatch.setattr(OnnxRuntime, "load", lambda *arguments: lambda lr: load(*arguments)(lr) * 0.98)
    assert export(tmp_path / "run", "--target", "onnxruntime", "--data", photos) == 1
    message = capsys.readouterr().err.splitlines()[-1]
    assert message.startswith("the file for 'onnxruntime' gives different images: ")
    assert [path.name for path in (tmp_path / "run" / "export").iterdir()] == ["onnxruntime.unverified.onnx"]


def test_a_file_that_cannot_be_loaded_is_not_shipped(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path / "run", PLAIN)
    monkeypatch.setattr(OnnxRuntime, "write", lambda _, __, path: path.write_bytes(b"nothing"))
    assert export(tmp_path / "run", "--target", "onnxruntime", "--data", photos) == 1
    assert "'onnxruntime' can't load what was written for it: " in capsys.readouterr().err
    assert not list(tmp_path.rglob("onnxruntime.onnx"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--target", "npu"), "no target is named 'npu'"),
        (("--target", "onnxruntime", "--size", "16"), "'16' is not a size: write height x width in LR pixels"),
        (("--target", "onnxruntime", "--size", "0x4"), "'0x4' is not a size"),
        (("--target", "onnxruntime", "--size", "8x8", "--dynamic"), "--dynamic and --size exclude each other"),
        (("--target", "onnxruntime", "--target", "openvino", "-o", "a.onnx"), "-o names one file"),
        (("--target", "onnxruntime"), "the run has not trained a network yet"),
    ],
)
def test_bad_input_is_one_line(
    arguments: tuple[str, ...], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path / "run")
    (tmp_path / "run" / "model.safetensors").unlink()
    assert export(tmp_path / "run", *arguments) == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_what_stands_there_is_not_replaced_and_a_name_fits_its_target(
    tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path / "run")
    (tmp_path / "other.json").write_text("{}")
    for name, said in (("other.onnx", "other.json: is there already"), ("a.bin", "a.bin: must end with .onnx")):
        assert export(tmp_path / "run", "--target", "openvino", "-o", tmp_path / name, "--data", photos) == 2
        assert said in capsys.readouterr().err
    assert (tmp_path / "other.json").read_text() == "{}"
    assert export(tmp_path / "run", "--target", "openvino", "--target", "qonnx", "--data", photos) == 2
    assert "a file for 'qonnx' takes images of one size: name it" in capsys.readouterr().err
    assert not (tmp_path / "run" / "export").exists()


def test_a_size_that_the_network_cannot_take_is_one_line(
    tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path / "run", {"name": "skeleton", "channels": 8, "body": ["rfdb"], "bits": [4]})
    assert export(tmp_path / "run", "--target", "onnxruntime", "--data", photos, "--size", "2x2") == 2
    said = capsys.readouterr().err.splitlines()[-1]
    image = tmp_path / "small.png"
    Image.new("RGB", (2, 2)).save(image)
    assert invoke(["upscale", str(tmp_path / "run"), str(image)]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == f"{image}: {said}"
    assert said.startswith("2 x 2 (width x height) is too small for this network, which needs at least ")


SPEC_SIZE = [{"name": "onnxruntime", "size": "16x18"}, {"name": "openvino", "precision": "f32"}]


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ((), [16, 18]),
        (("--size", "20x22"), [20, 22]),
        (("--dynamic",), None),
        (("--set", "onnxruntime.size=20x24"), [20, 24]),
        (("--set", "onnxruntime.size=null"), None),
        (("--size", "20x22", "--set", "onnxruntime.size=20x22"), [20, 22]),
    ],
)
def test_the_size_is_that_of_the_spec_unless_the_command_names_one(
    options: tuple[str, ...], size: list[int] | None, tmp_path: Path, photos: Path
) -> None:
    write_run(tmp_path / "run")
    edit_spec(tmp_path / "run", "export", value=SPEC_SIZE)
    assert export(tmp_path / "run", "--target", "onnxruntime", "--data", photos, *options) == 0
    known = json.loads((tmp_path / "run" / "export" / "onnxruntime.json").read_text())
    assert (known["size"], known["target"]) == (size, "onnxruntime")


@pytest.mark.slow
def test_each_target_has_its_own_size(tmp_path: Path, photos: Path) -> None:
    write_run(tmp_path / "run")
    edit_spec(tmp_path / "run", "export", value=SPEC_SIZE)
    assert export(tmp_path / "run", "--target", "onnxruntime", "--target", "openvino", "--data", photos) == 0
    files = [tmp_path / "run" / "export" / f"{name}.json" for name in ("onnxruntime", "openvino")]
    assert [json.loads(file.read_text())["size"] for file in files] == [[16, 18], None]


@pytest.mark.parametrize("option", [("--size", "20x22"), ("--dynamic",)])
def test_two_sizes_for_one_file_are_refused(
    option: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(tmp_path / "none", "--target", "litert", "--set", "litert.size=20x24", *option) == 2
    said = f"--set litert.size: names another size than {' '.join(option)}: give one of the two\n"
    assert capsys.readouterr().err == said


class Loud(Target):
    """Writes warnings of its own, as runtimes do, past Python to the process's standard error."""

    suffix: ClassVar = ".pt2"

    def write(self, program: torch.export.ExportedProgram, path: Path) -> None:
        os.write(2, b"\x1b[0;93mW: writing\x1b[m\n")
        torch.export.save(program, path)

    def load(self, path: Path, threads: int = 0) -> Runtime:
        os.write(2, b"INFO: loading\n")
        network = torch.export.load(path).module()
        return lambda lr: network(torch.from_numpy(lr)).detach().numpy()


def test_what_runtimes_say_of_themselves_is_shown_to_who_asks_for_it(
    tmp_path: Path, photos: Path, registered: Callable[..., str], capfd: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path / "run")
    command = (tmp_path / "run", "--target", registered(Loud), "--data", photos)
    assert export(*command) == 0
    assert [line for line in capfd.readouterr().err.splitlines() if not line.startswith("compare loud")] == []
    assert export(*command, "--force", "--verbose") == 0
    said = capfd.readouterr().err
    assert "info: INFO: loading" in said and "W: writing" in said and "\x1b" not in said
    image = str(next(photos.glob("*.png")))
    assert invoke(["upscale", str(tmp_path / "run"), image, "--target", "loud", "-o", str(tmp_path)]) == 0
    assert "loading" not in capfd.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    "target",
    ["openvino", "litert", *(pytest.param(name, marks=pytest.mark.thorough) for name in ("onnxruntime", "qonnx"))],
)
def test_our_runtimes_add_nothing_to_standard_error(target: str, tmp_path: Path, photos: Path) -> None:
    write_run(tmp_path / "run", between=8 if target == "litert" else None)
    program = [sys.executable, "-m", "qnas"]
    size = ["--target", target, "--size", "24x26"]
    for command in (["export", *size, "--data", str(photos)], ["bench", *size, "--rounds", "1"]):
        line = [*program, command[0], str(tmp_path / "run"), *command[1:]]
        done = subprocess.run(line, check=True, capture_output=True, text=True)
        verb = {"export": "compare", "bench": "time"}[command[0]]
        assert [said for said in done.stderr.splitlines() if not said.startswith(f"{verb} {target}")] == []


def test_a_run_in_float_is_refused(tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path / "run", train="none")
    assert export(tmp_path / "run", "--target", "onnxruntime", "--data", photos) == 2
    assert "the network is in float: there are no integers to export" in capsys.readouterr().err


def test_a_grid_without_a_level_at_zero_is_refused_by_its_place(
    tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path / "run", train="lsq+")
    assert export(tmp_path / "run", "--target", "onnxruntime", "--data", photos) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("'head.0.activation' has no integer form: no level of its grid is zero")


BRANCHING = """\
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(3, 12, 3, padding=1)
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, image):
        features = self.convolution(image)
        if image.mean() > 0.5:
            features = features * 2
        return self.shuffle(features)
"""


def test_a_network_of_ones_own_that_pytorch_cannot_capture_is_refused_by_its_line(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "branching.py").write_text(BRANCHING)
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "run", {"name": "module", "target": "branching:Net", "bits": [8]})
    capsys.readouterr()
    for size in ((), ("--size", "24x24")):
        assert export(tmp_path / "run", "--target", "onnxruntime", "--data", photos, *size) == 2
        (said,) = capsys.readouterr().err.splitlines()
        assert said.startswith("torch.export can't capture the network: ")
        assert re.search(r"branching\.py:12\)$", said)


def test_a_runtime_that_is_not_installed_is_named_with_what_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path / "run")
    monkeypatch.setattr(OnnxRuntime, "requires", ("onnx", "not-there-at-all"))
    assert export(tmp_path / "run", "--target", "onnxruntime") == 2
    said = capsys.readouterr().err
    assert "the target 'onnxruntime' needs not-there-at-all, which is not installed: " in said
    assert "-m pip install 'qnas[onnx]'" in said


def test_test_sets_that_are_gone_are_named_with_the_way_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path / "run")
    gone = {"name": "folder", "path": [str(tmp_path / "gone")]}
    edit_spec(tmp_path / "run", "data", "test", value={"photos": gone})
    assert export(tmp_path / "run", "--target", "onnxruntime") == 2
    assert "(name images to compare on with --data)" in capsys.readouterr().err


def test_upscale_enlarges_with_the_file(
    exported: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = photos / "0.png"
    assert invoke(["upscale", str(exported), str(image), "--target", "onnxruntime", "-o", str(tmp_path)]) == 0
    lr = np.asarray(Image.open(image).convert("RGB"), np.float32).transpose(2, 0, 1)[None] / np.float32(255)
    sr = OnnxRuntime().load(exported / "export" / "onnxruntime.onnx")(lr)[0].transpose(1, 2, 0)
    expected = np.rint(sr * 255).clip(0, 255).astype(np.uint8)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "0_x2.png")), expected)
    for option in ("--freeze", "--tile=32", "--device=cpu"):
        assert invoke(["upscale", str(exported), str(image), "--target", "onnxruntime", option]) == 2
        assert "leave out --tile, --freeze and --device" in capsys.readouterr().err


def test_upscale_with_a_file_of_one_size_says_which(
    tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path / "run")
    assert export(tmp_path / "run", "--target", "openvino", "--size", "24x24", "--data", photos) == 0
    image, out = sorted(photos.glob("*.png"))[0], tmp_path / "sr"
    assert invoke(["upscale", str(tmp_path / "run"), str(image), "--out", str(out), "--target", "openvino"]) != 0
    assert "the file takes images of 24 x 24, not 40 x 46 (height x width)" in capsys.readouterr().err


def test_a_field_of_a_target_is_set_and_the_file_is_loaded_with_it(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(tmp_path)
    assert export(tmp_path, "--target", "onnxruntime", "--set", "onnxruntime.int4=true", "--data", photos) == 0
    known = json.loads((tmp_path / "export" / "onnxruntime.json").read_text())
    assert known["target"] == {"name": "onnxruntime", "int4": True}
    taken, load = [], OnnxRuntime.load
    monkeypatch.setattr(OnnxRuntime, "load", lambda self, *others: (taken.append(self.int4), load(self, *others))[1])
    image, out = next(photos.glob("*.png")), tmp_path / "sr"
    assert invoke(["upscale", str(tmp_path), str(image), "--out", str(out), "--target", "onnxruntime"]) == 0
    assert taken == [True]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("openvino.precision=f64", "--set openvino.precision: must be 'f32' or 'bf16' (got 'f64')"),
        ("openvino.foo=1", "--set openvino.foo: unknown field"),
        ("onnxruntime.int4=true", "--set onnxruntime.int4: 'onnxruntime.int4' is no field of a target that is named"),
        ("openvino=1", "--set openvino: 'openvino' is no field of a target that is named: it must be openvino.FIELD"),
        ("openvino.int4", "--set openvino.int4: must be key=value, such as openvino.precision=bf16"),
    ],
)
def test_a_wrong_field_of_a_target_is_one_line(
    given: str, said: str, exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(exported, "--target", "openvino", "--set", given) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith(said) and len(error.splitlines()) == 1


@pytest.mark.parametrize("damage", ["none exported", "flipped"])
def test_upscale_refuses_a_file_that_was_not_proven(
    damage: str, exported: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(exported, run)
    file = run / "export" / "onnxruntime.onnx"
    if damage == "none exported":
        shutil.rmtree(run / "export")
    else:
        file.write_bytes(file.read_bytes()[:-1] + b"?")
    assert invoke(["upscale", str(run), str(photos / "0.png"), "--target", "onnxruntime", "-o", str(tmp_path)]) == 2
    reason = {"none exported": "the run has no file for 'onnxruntime'", "flipped": "is not the file that was verified"}
    assert reason[damage] in capsys.readouterr().err.splitlines()[-1]
