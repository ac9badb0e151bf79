"""``qnas bench`` from the outside, with a runtime of the tests' own."""

import json
import re
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from PIL import Image

from qnas.core.cli.main import invoke
from qnas.core.components import Target, Unquantized
from qnas.core.errors import QnasError, QnasWarning
from qnas.core.files.folder import RunFolder
from qnas.core.network.convolution import QuantizedActivation, QuantizedConv2d
from qnas.core.run.deployment.found import load_found
from qnas.core.settings.lr_sizes import FRAMES

from ...found_run import ADQ, PLAIN, edit_spec, write_run
from ...latency_tables import write_latencies

pytestmark = pytest.mark.slow


class Saved(Target):
    """PyTorch itself, from a file in its own form."""

    suffix: ClassVar = ".pt2"
    threads: ClassVar[list[int]] = []

    def write(self, program, path):
        torch.export.save(program, path)

    def load(self, path, threads=0):
        self.threads.append(threads)
        network = torch.export.load(path).module()
        return lambda lr: network(torch.from_numpy(lr)).detach().numpy()


@pytest.fixture(autouse=True)
def target(registered, monkeypatch) -> str:
    """The runtime's name. Nothing is to settle, and no process of its own says how much memory it takes."""
    monkeypatch.setattr(Saved, "threads", [])
    monkeypatch.setattr("qnas.core.deploy.timing.SETTLE", 0)
    monkeypatch.setattr("qnas.core.run.deployment.bench.peak_memory", lambda *asked: 1_000_000 * asked[-1])
    return registered(Saved)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    write_run(tmp_path / "run")
    return tmp_path / "run"


def bench(*arguments: object, targets: tuple[str, ...] = ("saved",), rounds: int = 2) -> int:
    named = [part for name in targets for part in ("--target", name)]
    return invoke(["bench", *map(str, arguments), *named, "--rounds", str(rounds)])


def export(run: Path, *options: str) -> None:
    photos = run.parent / "photos"
    photos.mkdir(exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 256, (48, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(photos / "a.png")
    assert invoke(["export", str(run), "--target", "saved", "--data", str(photos), *options]) == 0


def kept(run: Path) -> list[dict[str, Any]]:
    measured: list[dict[str, Any]] = json.loads((run / "export/bench.json").read_text())["measured"]
    return measured


def test_found_float_and_bicubic_stand_side_by_side(run, tmp_path, capsys):
    assert bench(run, "--size", "16x12", "--threads", "1,2", "--json", tmp_path / "out.json") == 0
    measured = json.loads((tmp_path / "out.json").read_text())["measured"]
    assert [{**entry, "run": str(run)} for entry in kept(run)] == measured
    assert [(entry["target"], entry["size"], entry["threads"]) for entry in measured] == [
        ("saved", [16, 12], 1),
        ("saved", [16, 12], 2),
    ]
    assert Saved.threads == [1, 1, 2, 2]
    for entry in measured:
        assert (entry["rounds"], entry["scale"], entry["is_verified"]) == (2, 2, False)
        networks = entry["networks"]
        assert list(networks) == ["found", "float", "bicubic"]
        for figures in networks.values():
            assert figures["frames_per_second"] == pytest.approx(1 / figures["median_seconds"])
            assert figures["spread_seconds"] >= 0
        for name in ("found", "float"):
            assert networks[name]["peak_memory_bytes"] == 1_000_000 * entry["threads"]
            assert networks[name]["file_bytes"] > 1000
        assert set(networks["bicubic"]) == {"median_seconds", "spread_seconds", "frames_per_second"}
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:5]] == ["median", "found", "float", "bicubic"]
    assert "1.00 x" in lines[3]
    assert lines[::5] == [f"{run}: saved, 16x12 LR, {threads}, not verified" for threads in ("1 thread", "2 threads")]
    assert not list((run / "export").glob("*.pt2"))


def test_a_file_that_was_exported_is_the_one_that_is_timed(run, capsys):
    export(run)
    assert bench(run, "--size", "16x16,20x24") == 0
    known = json.loads((run / "export/saved.json").read_text())
    assert [(entry["is_verified"], entry["sha256"]) for entry in kept(run)] == [(True, known["sha256"])] * 2
    assert kept(run)[0]["networks"]["found"]["file_bytes"] == known["bytes"]
    (run / "export/saved.pt2").write_bytes(b"another")
    refused(capsys, r"saved\.pt2: is not the file that was verified", run)


@pytest.mark.slow
def test_a_file_for_one_size_is_timed_at_that_size_only(run):
    export(run, "--size", "16x20")
    assert bench(run, "--size", "24x24,16x20,20x16") == 0
    assert [(entry["size"], entry["is_verified"]) for entry in kept(run)] == [
        ([24, 24], False),
        ([16, 20], True),
        ([20, 16], False),
    ]


@pytest.mark.slow
def test_beside_a_file_with_frozen_statistics_the_float_network_has_frozen_ones(run, monkeypatch):
    write_run(run, ADQ)
    export(run, "--freeze")
    frozen = []
    monkeypatch.setattr("qnas.core.run.deployment.file_pairs.freeze_statistics", frozen.append)
    assert bench(run, "--size", "16x16") == 0
    assert len(frozen) == 1
    (run / "export/saved.json").unlink()
    assert bench(run, "--size", "16x16") == 0
    assert len(frozen) == 1
    assert not kept(run)[0]["is_verified"]


@pytest.mark.slow
def test_figures_are_kept_until_the_same_is_measured_again(run, monkeypatch):
    monkeypatch.setitem(FRAMES, "720p", (24, 40))
    assert bench(run, "--size", "16x16,720p,12x20") == 0
    first = kept(run)
    assert [entry["size"] for entry in first] == [[16, 16], [12, 20]]
    assert bench(run, "--size", "16x16", rounds=3) == 0
    again = kept(run)
    assert [entry["rounds"] for entry in again] == [3, 2]
    assert again[1] == first[1]


def test_what_is_measured_in_the_setting_of_a_table_stands_in_the_result(run, tmp_path):
    write_latencies(tmp_path / "table.json", PLAIN, target="saved", threads=1, size=(16, 12))
    edit_spec(run, "costs", value={"latency": {"name": "latency", "table": str(tmp_path / "table.json")}})
    RunFolder(run).write_json("result.json", {"latency": 5})
    assert bench(run, "--size", "20x12") == 0
    assert json.loads((run / "result.json").read_text()) == {"latency": 5}
    assert bench(run, "--size", "16x12") == 0
    seconds = kept(run)[-1]["networks"]["found"]["median_seconds"]
    result = json.loads((run / "result.json").read_text())
    assert result == {"latency": 5, "measured": {"latency": pytest.approx(1e9 * seconds)}}


@pytest.mark.slow
def test_several_runs_are_timed_one_after_the_other(run, tmp_path, capsys):
    write_run(tmp_path / "other", scale=3)
    assert bench(run, tmp_path / "other", "--size", "16x16") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[0] for line in lines[::5]] == [str(run), str(tmp_path / "other")]
    assert kept(tmp_path / "other")[0]["scale"] == 3


def test_the_float_network_is_the_found_one_with_nothing_quantized(tmp_path):
    found = write_run(tmp_path / "run", ADQ)
    floating = load_found(tmp_path / "run", torch.device("cpu")).in_float()
    image = torch.rand(1, 3, 20, 24)
    with torch.inference_mode():
        quantized = found(image)
        for module in found.modules():
            if isinstance(module, QuantizedConv2d):
                module.weight_quantizer = Unquantized()
            elif isinstance(module, QuantizedActivation):
                module.quantizer = Unquantized()
        assert torch.equal(floating(image), found(image))
        assert not torch.equal(floating(image), quantized)


def test_memory_that_can_not_be_measured_is_left_out_with_the_reason(run, capsys, monkeypatch):
    def refuse(*_: object) -> int:
        raise QnasError("nobody knows")

    monkeypatch.setattr("qnas.core.run.deployment.bench.peak_memory", refuse)
    with pytest.warns(QnasWarning, match="the peak memory of 'saved' is not measured: nobody knows"):
        assert bench(run, "--size", "16x16") == 0
    assert kept(run)[0]["networks"]["found"]["peak_memory_bytes"] is None
    assert capsys.readouterr().out.splitlines()[2].split().count("-") == 1


def refused(capsys, pattern: str, *arguments: object, code: int = 2, targets: tuple[str, ...] = ("saved",)) -> None:
    capsys.readouterr()
    assert bench(*arguments, targets=targets) == code
    said = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("time ")]
    assert len(said) == 1, said
    assert re.search(pattern, said[0]), said[0]


class Gone(Saved):
    requires: ClassVar = ("qnas-runtime-that-nobody-wrote",)
    extra: ClassVar = "gone"


class Broken(Saved):
    def load(self, path, threads=0):
        def fail(lr):
            raise RuntimeError("no kernel\nfor this")

        return fail


def test_bad_input_is_refused_in_one_line(run, tmp_path, capsys, registered):
    refused(capsys, r"no target is named 'savd'; did you mean 'saved'", run, targets=("savd",))
    refused(capsys, r"'700p' is not a size: write height x width", run, "--size", "16x16,700p")
    refused(capsys, r"'' is not a size", run, "--size", "16x16,")
    refused(capsys, r"--threads: '0' is not a number of threads: write, for example, 1,2", run, "--threads", "1,0")
    refused(capsys, r"there is no run in the folder \(no spec\.yaml in it\)", tmp_path / "none")
    missing = r"the target 'gone' needs qnas-runtime-that-nobody-wrote, which is not installed: .*"
    refused(capsys, missing + r" -m pip install 'qnas\[gone\]'", run, targets=("saved", registered(Gone)))
    refused(
        capsys, r"run: 'litert' needs 8 bits between the slots, but the network has floats", run, targets=("litert",)
    )
    (run / "model.safetensors").rename(tmp_path / "model.safetensors")
    refused(capsys, r"the run has not trained a network yet", run)


def test_a_runtime_that_fails_is_named(run, capsys, registered):
    broken = (registered(Broken),)
    message = r"'broken' fails on an image of 20 x 16: RuntimeError: no kernel$"
    refused(capsys, message, run, "--size", "16x20", code=1, targets=broken)
    assert not (run / "export").exists()


def test_a_damaged_record_of_what_was_measured_is_refused_before_anything_is(run, capsys):
    RunFolder(run).write_json("export/bench.json", {"measured": [1]})
    refused(capsys, r"bench\.json: is damaged: it has no list of what was measured", run)
    assert Saved.threads == []


def test_a_network_in_float_has_nothing_to_time(tmp_path, capsys):
    write_run(tmp_path / "run", train="none")
    refused(capsys, "run: the network is in float: there are no integers to time", tmp_path / "run")


def test_a_run_that_fails_does_not_stop_the_others(run, tmp_path, capsys):
    write_run(tmp_path / "float", train="none")
    write_run(tmp_path / "other")
    runs = (run, tmp_path / "none", tmp_path / "float", tmp_path / "other")
    assert bench(*runs, "--size", "16x12", "--json", tmp_path / "out.json") == 1
    output = capsys.readouterr()
    said = [line for line in output.err.splitlines() if not line.startswith("time ")]
    reasons = [
        f"{tmp_path / 'none'}: there is no run in the folder (no spec.yaml in it)",
        f"{tmp_path / 'float'}: the network is in float: there are no integers to time",
    ]
    assert said == ["not timed to the end: 2 of 4 runs", *reasons]
    assert output.out.splitlines()[::5] == [
        f"{path}: saved, 16x12 LR, 1 thread, not verified" for path in (run, tmp_path / "other")
    ]
    written = json.loads((tmp_path / "out.json").read_text())
    assert [entry["run"] for entry in written["measured"]] == [str(run), str(tmp_path / "other")]
    assert list(written["not_timed"].values()) == reasons
    assert len(kept(run)) == len(kept(tmp_path / "other")) == 1


class Fickle(Saved):
    """Fails on one size."""

    def load(self, path, threads=0):
        load = super().load(path, threads)

        def run(lr):
            if lr.shape[2:] == (20, 24):
                raise RuntimeError("no kernel")
            return load(lr)

        return run


def test_what_was_measured_before_a_failure_is_shown_of_a_single_run_too(run, tmp_path, capsys, registered):
    fickle = (registered(Fickle),)
    assert bench(run, "--size", "16x12,20x24", "--json", tmp_path / "out.json", targets=fickle) == 1
    output = capsys.readouterr()
    assert output.out.startswith(f"{run}: fickle, 16x12 LR")
    assert output.err.splitlines()[-1] == "'fickle' fails on an image of 24 x 20: RuntimeError: no kernel"
    assert [entry["size"] for entry in json.loads((tmp_path / "out.json").read_text())["measured"]] == [[16, 12]]


def test_a_size_that_the_network_cannot_take_is_told_as_export_does(tmp_path, capsys):
    network = write_run(tmp_path / "run", {"name": "skeleton", "channels": 8, "body": ["rfdb"], "bits": [4]})
    said = r"^2 x 9 \(width x height\) is too small for this network, which needs at least 3 x 3$"
    refused(capsys, said, tmp_path / "run", "--size", "9x2")
    assert network(torch.zeros(1, 3, 3, 3)).shape == (1, 3, 6, 6)
    with pytest.raises(RuntimeError):
        network(torch.zeros(1, 3, 2, 2))


def test_the_size_of_the_spec_is_timed_unless_another_is_named(run, capsys):
    edit_spec(run, "target", value={"name": "saved", "size": "20x16"})
    export(run)
    assert bench(run) == 0
    timed = [(entry["target"], entry["size"], entry["is_verified"]) for entry in kept(run)]
    assert timed == [("saved", [20, 16], True)]
    assert bench(run, "--size", "12x16") == 0
    assert [(entry["size"], entry["is_verified"]) for entry in kept(run)] == [([20, 16], True), ([12, 16], False)]
    given = ("--set", "saved.size=8x8")
    said = r"^--set saved\.size: names another size than --size 9x9: give one of the two$"
    refused(capsys, said, run, *given, "--size=9x9")
