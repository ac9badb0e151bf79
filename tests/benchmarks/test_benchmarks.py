"""The benchmarks run and write what they print, on sizes far too small to mean anything. No test asserts a time."""

import json
import subprocess
import sys
from pathlib import Path

import flatbuffers
import numpy as np
import onnx
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from click.testing import CliRunner
from PIL import Image
from safetensors.torch import save_file

from qnas.core.components import Quantizer, Space
from qnas.plugins.residuals.adaptive import Deviation

from .conftest import FOLDER

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("name", "ratios"), [("search_step", 13), ("train_step", 14), ("data", 2)])
def test_a_benchmark_prints_its_ratios_and_writes_them(name: str, ratios: int, benchmark, tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    done = CliRunner().invoke(benchmark(name).main, ["--rounds", "2", "--threads", "1", "--out", str(out)])
    assert done.exit_code == 0, done.output
    written = json.loads(out.read_text())
    assert len(written["ratios"]) == ratios
    assert all(len(seconds) == 2 for seconds in written["seconds"].values())
    for target in written["ratios"]:
        assert f"{target['ratio']:.3f}" in done.output
    assert ("met" in done.output) or ("missed" in done.output)


def test_the_floor_is_the_convolutions_of_an_iteration(benchmark) -> None:
    search_step = benchmark("search_step")
    step = search_step.iteration()
    step()  # the first counts the space
    with search_step.Convolutions() as found:
        step()
    # Head, upsample and tail have one merged convolution a slot, the skip too; the two of the chain have four more
    # each, beside the merged one. An iteration runs them twice.
    assert len(found.noted) == 2 * (2 + 1 + 2 + 1 + 2 * 5)


def test_the_operators_of_an_iteration_are_counted(benchmark, tmp_path: Path, monkeypatch) -> None:
    counting, out = benchmark("search_operators"), tmp_path / "figures.json"
    monkeypatch.setattr(counting, "LARGE", 0)
    done = CliRunner().invoke(counting.main, ["--out", str(out)])
    assert done.exit_code == 0, done.output
    counted = json.loads(out.read_text())["counted"]
    convolutions = {name: figures["large"]["convolution"] for name, figures in counted.items()}
    assert convolutions["plain float"] == convolutions["fixed, joint"] == convolutions["fixed"] / 2
    assert convolutions["joint"] == convolutions["noise"] / 2
    assert all(sum(figures["large"].values()) == figures["operators"] for figures in counted.values())

    with counting.Operators() as operators:
        torch.zeros(2, 3).view(3, 2).add_(1)  # the view is not counted; what adds in place allocates nothing
    assert operators.large == {"zeros": 1, "add_": 1}
    assert operators.bytes == 24


def test_ratios_are_medians_over_rounds(benchmark) -> None:
    rounds = benchmark("rounds")
    assert rounds.ratio({"a": [1.0, 9.0, 4.0], "b": [1.0, 3.0, 2.0]}, "a", "b") == 2
    order = []
    timed = rounds.interleaved({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 2, warmup=0)
    assert order == ["a", "b", "b", "a"]
    assert all(len(seconds) == 2 for seconds in timed.values())


def test_commands_are_timed_beside_importing_torch(benchmark, tmp_path: Path, monkeypatch) -> None:
    startup = benchmark("startup")
    monkeypatch.setattr(startup, "COMMANDS", {name: [sys.executable, "-c", ""] for name in startup.COMMANDS})
    out = tmp_path / "figures.json"
    done = CliRunner().invoke(startup.main, ["--rounds", "2", "--out", str(out)])
    assert done.exit_code == 0, done.output
    written = json.loads(out.read_text())
    assert set(written["seconds"]) == set(startup.COMMANDS)
    assert [target["what"] for target in written["ratios"]] == [f"{n} / import torch" for n in startup.AT_MOST]


def test_memory_is_what_a_process_grows_by() -> None:
    code = "import memory; kept = []; print(memory.growth(lambda: lambda: kept.append(b'x' * 10**7)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=FOLDER, check=True, capture_output=True, text=True)
    assert 3.5e7 < int(done.stdout) < 6e7  # four blocks


@pytest.mark.thorough
def test_a_run_that_is_killed_is_compared_with_one_that_is_not(benchmark, tmp_path: Path, monkeypatch) -> None:
    crash = benchmark("crash")
    monkeypatch.setattr(crash, "SEARCHES", {"{steps: 30, epochs: 3, batch: 2}": "scratch"})
    usual = f"train: {{steps: {crash.STEPS}"
    assert usual in crash.SPEC
    monkeypatch.setattr(crash, "SPEC", crash.SPEC.replace(usual, "train: {steps: 4"))
    monkeypatch.setattr(crash, "STAGES", ("search",))
    out = tmp_path / "figures.json"
    done = CliRunner().invoke(crash.main, ["--kills", "1", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "1 of 1 match a run that was never stopped" in done.output
    (kill,) = json.loads(out.read_text())["kills"]
    assert kill["stage"] == "search"
    assert kill["differing"] == []


def test_what_differs_is_named(benchmark, tmp_path: Path) -> None:
    crash = benchmark("crash")
    for name, seconds in (("one", 1), ("other", 2)):
        folder = tmp_path / name / "train"
        folder.mkdir(parents=True)
        (folder / "result.json").write_text(json.dumps({"psnr": 30, "seconds": seconds}))
        (folder / "last.safetensors").write_bytes(b"weights")
    assert crash.files_of(tmp_path / "one") == crash.files_of(tmp_path / "other")
    (folder / "last.safetensors").write_bytes(b"others")
    assert crash.files_of(tmp_path / "one") != crash.files_of(tmp_path / "other")


@pytest.fixture
def starts(benchmark, monkeypatch: pytest.MonkeyPatch):
    """The benchmark of quantizers' starts on few small images, at 8 bits only."""
    module = benchmark("quantizer_starts")
    leaves = {"name": "dead-leaves", "amount": 2, "size": 48}
    small = {"TRAIN": leaves, "TEST": leaves, "BITS": (8,), "SPACE": {**module.SPACE, "channels": 6}}
    for constant, value in small.items():
        monkeypatch.setattr(module, constant, value)
    return module


def test_starts_are_compared_and_rows_are_not_made_twice(starts, tmp_path: Path, monkeypatch) -> None:
    out = tmp_path / "figures.json"

    def run(*more: str):
        given = ["--steps", "2", "--seeds", "1", "--threads", "1", "--quantizer", "lsq", "--out", str(out), *more]
        return CliRunner().invoke(starts.main, given)

    done = run()
    assert done.exit_code == 0, done.output
    rows = {row["start"]: row for row in json.loads(out.read_text())["rows"]}
    assert rows.keys() == {"least-error", "published"}
    assert 100 < rows["least-error"]["levels"]["weights"][0] <= 256
    assert rows["published"]["levels"]["weights"][0] < 60
    assert all(20 < row["calibrated_psnr"] < 60 for row in rows.values())
    for kind in ("weights", "activations"):
        assert rows["least-error"]["error"][kind] == pytest.approx(1, abs=1e-3)
        assert rows["published"]["error"][kind] > 2

    monkeypatch.setattr(starts, "row_of", lambda *_: pytest.fail("it is in the file"))
    again = run()
    assert again.exit_code == 0
    assert "lsq        published    8" in again.output
    assert "has rows with a different setting" in run("--steps", "3").output


def test_only_grids_of_the_stated_width_are_looked_at(starts) -> None:
    network, image = starts.network_of(Quantizer.of("lsq"), 3, 0), torch.rand(1, 3, 8, 8)
    starts.calibrate(network, lambda: network(image))
    for use in starts.use_of(network, image, 3).values():
        assert use.levels <= 8
        assert use.error == pytest.approx(1, abs=1e-4)
    assert starts.use_of(network, image, 8)["weights"].levels > 60  # of the slots that read and write the image


def test_the_memory_of_large_images_is_measured(benchmark, tmp_path: Path) -> None:
    big_images = benchmark("big_images")
    for network in big_images.NETWORKS.values():
        Space.of(network.fields)
    out, name = tmp_path / "figures.json", "basic, evaluate, HR"
    options = ["--network", name, "--size", "40", "30", "--out", str(out)]
    done = CliRunner().invoke(big_images.main, options)
    assert done.exit_code == 0, done.output
    measured = json.loads(out.read_text())["networks"][name]
    assert 1e8 < measured["bytes"] < 3e9
    assert measured["passes"] == 1


def test_the_grid_of_parity_has_every_network_of_ours(benchmark) -> None:
    parity = benchmark("parity")
    names = {case.network for case in parity.cases()}
    assert {"basic", "rfdn", "edsr-baseline", "block spab", "block basic-cell", "residual adq"} < names
    assert not names & {"module", "skeleton"}
    of_rfdn = [case.name for case in parity.cases() if case.network == "quantnas-rfdn"]
    ways = ("onnxruntime", "openvino", "openvino-bf16", "qonnx", "tensorrt", "onnxruntime/8", "litert/8")
    assert of_rfdn == [f"quantnas-rfdn/{scale}/{way}" for scale in (2, 4) for way in ways]
    assert all(parity._is_chosen(case, ["*"]) for case in parity.cases())


def test_a_sample_of_the_grid_is_proven(benchmark, tmp_path: Path, monkeypatch) -> None:
    parity = benchmark("parity")
    out = tmp_path / "parity.json"

    def run(*options: str):
        return CliRunner().invoke(parity.main, [*options, "--out", str(out), "--threads", "1"])

    done = run("--sample")
    assert done.exit_code == 0, done.output
    rows = json.loads(out.read_text())["rows"]
    assert {(row["target"], row["between"]) for row in rows} == set(parity.WAYS)
    judged = [row for row in rows if row["target"] != "openvino-bf16"]
    assert f"{len(judged)} of {len(judged)} proven" in done.output
    for row in rows:
        assert row["failure"] == ""
        assert row["of_file"]["values"] > 100_000
        assert f"{row['of_file']['equal']:.4%} equal" in done.output

    monkeypatch.setattr(parity, "row_of", lambda *_: pytest.fail("it is in the file"))
    assert run("--sample").exit_code == 0
    table = run("--markdown").output
    assert f"{len(judged)} of {len(judged)} files are proven" in table
    assert "| espcn | 2 | " in table
    assert "no case is like edsr" in run("--only", "edsr").output


def test_the_page_about_deployment_has_the_table_of_the_kept_figures(benchmark) -> None:
    kept = json.loads((FOLDER / "results/parity.json").read_text())
    page = (FOLDER.parent / "docs/deployment.md").read_text()
    assert benchmark("parity").markdown(kept) in page


@pytest.mark.parametrize("name", ["abpn", "residual none"])
def test_the_networks_of_parity_do_more_than_enlarge(name: str, benchmark) -> None:
    networks = benchmark("parity_networks")
    network = networks.trained(name, 2, None)
    added = []
    parts = [module for module in network.modules() if isinstance(module, networks.Gain)] or [network]
    parts[0].register_forward_hook(lambda _, __, features: added.append(features.detach()))
    network(torch.rand(1, 3, 24, 24))
    assert float(added[0].std()) > 0.02


def test_photographs_are_cut_to_odd_sizes(benchmark) -> None:
    parity = benchmark("parity")
    for pair in parity.photographs(4):
        assert pair.lr.shape[0] % 2 == pair.lr.shape[1] % 2 == 1
        assert pair.hr.shape == (4 * pair.lr.shape[0], 4 * pair.lr.shape[1], 3)
        assert pair.lr.shape[0] <= 97 and pair.lr.shape[1] <= 131


def test_a_wrong_operator_is_found_between_the_integers_of_litert(benchmark, tmp_path: Path) -> None:
    parity, segments = benchmark("parity"), benchmark("segments")
    network, lowered = parity.made("espcn", 2, 8, size=(15, 17))
    target, path, image = parity.target_of("litert"), tmp_path / "espcn.tflite", torch.rand(1, 3, 15, 17)
    target.write(lowered.program, path)
    right = segments.compare_segments(network, path, target, [image])
    assert right.integers > 5 * 15 * 17
    assert right.wrong == ()

    model = schema.ModelT.InitFromPackedBuf(path.read_bytes())
    (graph,) = model.subgraphs
    bias = next(tensor for tensor in graph.tensors if tensor.type == schema.TensorType.INT32)
    numbers = model.buffers[bias.buffer].data.copy().view(np.int32)
    model.buffers[bias.buffer].data = (numbers + np.rint(0.1 / bias.quantization.scale).astype(np.int32)).view(np.uint8)
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(builder.Output())
    (wrong,) = segments.compare_segments(network, path, target, [image]).wrong
    assert wrong.endswith("(CONV_2D)")


@pytest.mark.parametrize("name", ["onnxruntime", "openvino", "qonnx", "tensorrt"])
def test_a_wrong_operator_is_found_between_quantizers(name: str, benchmark, tmp_path: Path) -> None:
    parity, segments = benchmark("parity"), benchmark("segments")
    target, path, image = parity.target_of(name), tmp_path / "espcn.onnx", torch.rand(1, 3, 15, 17)
    size = None if target.any_size else (15, 17)
    network, lowered = parity.made("espcn", 2, None, target.signed, size)
    target.write(lowered.program, path)
    right = segments.compare_segments(network, path, target, [image])
    assert right.integers > 3 * 15 * 17
    assert right.wrong == ()

    model = onnx.load(path)
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    bias = next(stored[node.input[1]] for node in model.graph.node if node.op_type == "Add" and node.input[1] in stored)
    shifted = onnx.numpy_helper.to_array(bias) + np.float32(0.1)
    bias.CopyFrom(onnx.numpy_helper.from_array(shifted, bias.name))
    onnx.save(model, path)
    found = segments.compare_segments(network, path, target, [image])
    assert [wrong.split()[1] for wrong in found.wrong] == ["(Tanh)"]
    assert found.operators["Tanh"] > 0
    assert sum(found.operators.values()) == found.differing


def test_segments_are_held_against_statistics_in_float64(benchmark) -> None:
    features = 1000 + torch.rand(1, 16, 97, 131, generator=torch.Generator().manual_seed(0))
    measuring = benchmark("segments").exactly_measuring(torch.nn.Sequential(Deviation()))
    assert float(measuring(features)) == pytest.approx(features.double().numpy().std(), rel=2e-7)


def test_bitops_that_qonnx_counts_otherwise_are_a_failure(benchmark, tmp_path: Path) -> None:
    parity, path, size = benchmark("parity"), tmp_path / "espcn.onnx", (15, 17)
    network, lowered = parity.made("espcn", 2, None, size=size)
    parity.target_of("qonnx").write(lowered.program, path)
    counted = parity.bitops(network, path, size)
    assert counted["bitops"]["ours"] == counted["bitops"]["qonnx"] > 0
    assert "failure" not in counted
    height, width = size
    twice = parity.bitops(network, path, (2 * height, width))
    assert twice["failure"].startswith(f"{2 * counted['bitops']['ours']} BitOps, but ")


def test_rows_without_the_operators_of_their_ties_are_computed_again(benchmark, tmp_path: Path, monkeypatch) -> None:
    parity, out = benchmark("parity"), tmp_path / "parity.json"
    kept = [case for case in parity.cases() if case.name in ("espcn/2/onnxruntime", "espcn/2/openvino")]
    former, complete = ({"differing": 1, "integers": 5, "from_tie": 0.0} | more for more in ({}, {"operators": {}}))
    rows = [
        {**parity.asdict(case), "failure": "", "segments": of}
        for case, of in zip(kept, (former, complete), strict=True)
    ]
    out.write_text(json.dumps({"rows": rows}))
    monkeypatch.setattr(parity, "row_of", lambda case, _: {**parity.asdict(case), "failure": "", "new": True})
    monkeypatch.setattr(parity, "line_of", lambda row: row["target"])
    options = ["--only", "espcn/2/o*", "--only", "espcn/2/openvino", "--out", str(out)]
    assert CliRunner().invoke(parity.main, options).exit_code == 0
    computed = {row["target"]: "new" in row for row in json.loads(out.read_text())["rows"]}
    assert computed["onnxruntime"] and not computed["openvino"]


def test_a_case_that_is_not_proven_fails_the_benchmark(benchmark, tmp_path: Path, monkeypatch) -> None:
    parity = benchmark("parity")

    def no_file(*_: object) -> None:
        raise parity.QnasError("it has no form")

    monkeypatch.setattr(parity, "compared", no_file)
    done = CliRunner().invoke(parity.main, ["--only", "espcn/2/openvino", "--out", str(tmp_path / "parity.json")])
    assert done.exit_code == 1
    assert "espcn x2 openvino, floats between: it has no form\n0 of 1 proven" in done.output


def test_what_a_thorough_part_says_is_kept_with_how_it_was_run(benchmark, tmp_path: Path, monkeypatch) -> None:
    thorough = benchmark("thorough")
    monkeypatch.delenv("QNAS_FUZZ", raising=False)  # as make slow sets it
    code = "import os; print('tried', os.environ['QNAS_FUZZ']); raise SystemExit(int(os.environ['QNAS_FUZZ']))"
    monkeypatch.setitem(thorough.PARTS, "fuzz", thorough.Part(["-c", code], {"QNAS_FUZZ": "50"}))
    for given, expected in ((None, "50"), ("0", "0")):
        if given is not None:
            monkeypatch.setenv("QNAS_FUZZ", given)
        done = CliRunner().invoke(thorough.main, ["--part", "fuzz", "--out", str(tmp_path)])
        assert done.exit_code == (expected != "0")
        (kept,) = tmp_path.glob("*-fuzz.txt")
        head, told = kept.read_text().split("\n\n")
        assert told == f"tried {expected}\n"
        assert f"\ncommand: QNAS_FUZZ={expected} python -c " in head
        assert f"\nexit code: {expected}" in head


def test_exported_networks_are_timed_beside_the_faster_float(benchmark, tmp_path: Path) -> None:
    deployment, out = benchmark("deployment"), tmp_path / "figures.json"
    arguments = ["--network", "espcn", "--side", "16", "--threads", "1", "--rounds", "2", "--out", str(out)]
    done = CliRunner().invoke(deployment.main, arguments)
    assert done.exit_code == 0, done.output
    (measured,) = json.loads(out.read_text())["measured"]
    figures = measured["figures"]
    assert len(figures) == 6
    assert max(figures[f"{target} float"]["speedup"] for target in ("openvino", "onnxruntime")) == 1
    row = done.output.rstrip().splitlines()[-1]
    assert f"{figures['openvino 8 bits']['speedup']:.2f} x" in row
    others = [argument.replace("espcn", "fsrcnn") for argument in arguments]
    assert CliRunner().invoke(deployment.main, others).exit_code == 0
    assert [row["network"] for row in json.loads(out.read_text())["measured"]] == ["espcn", "fsrcnn"]


def test_the_page_about_deployment_has_the_kept_speeds(benchmark) -> None:
    kept = json.loads((FOLDER / "results/deployment.json").read_text())
    assert benchmark("deployment").markdown(kept["measured"]) in (FOLDER.parent / "docs/deployment.md").read_text()


def test_networks_of_others_are_searched_at_the_cost_of_uniform_ones(benchmark, monkeypatch, tmp_path: Path) -> None:
    own_search, own, out = benchmark("own_search"), tmp_path / "own", tmp_path / "figures.json"
    for constant, value in {"STEPS": 2, "BATCH": 1, "PATCH": 8, "BITS": (2, 3, 4, 8)}.items():
        monkeypatch.setattr(own_search, constant, value)
    quick = {"name": "random", "samples": 1, "steps": 1, "batch": 1, "tuning": 0}
    monkeypatch.setitem(own_search.SEARCHES, "random", quick)
    for part, count in (("train", 10), ("test", 1)):
        (own / part).mkdir(parents=True)
        for number in range(count):
            pixels = np.random.default_rng(number).integers(0, 256, (48, 48, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(own / part / f"{number}.png")
    weights = benchmark("own_networks").network("compact-16").state_dict()
    save_file(weights, own / "compact-16.safetensors")
    ways = [part for way in (*own_search.FIXED, "random") for part in ("--way", way)]
    arguments = ["--own", str(own), "--network", "compact-16", *ways, "--seeds", "1", "--out", str(out)]
    done = CliRunner().invoke(own_search.main, arguments)
    assert done.exit_code == 0, done.output
    uniform, ends, found = json.loads(out.read_text())["measured"]
    assert 0.9 * uniform["bitops"] < ends["bitops"] <= uniform["bitops"]
    assert found["bitops"] <= uniform["bitops"]
    change = found["psnr_y"]["held-out"] - uniform["psnr_y"]["held-out"]
    assert f"{found['psnr_y']['held-out']:.2f} dB, {change:+.2f} ({change:+.2f})" in done.output.splitlines()[-1]
    monkeypatch.setattr(own_search, "run", lambda *_: pytest.fail("it is in the file"))
    assert CliRunner().invoke(own_search.main, arguments).exit_code == 0


def test_the_page_about_tuning_has_the_kept_figures_of_own_networks(benchmark) -> None:
    kept = json.loads((FOLDER / "results/own_search.json").read_text())
    assert "\n".join(benchmark("own_search").table(kept["measured"])) in (FOLDER.parent / "docs/tuning.md").read_text()


def test_a_limit_is_set_against_a_tuned_weight(benchmark, monkeypatch, tmp_path: Path) -> None:
    limit_or_weight, out = benchmark("limit_or_weight"), tmp_path / "figures.json"
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(10):
        pixels = np.random.default_rng(number).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    small = [
        "space.channels=6",
        "space.cells=1",
        "search.steps=4",
        "search.epochs=2",
        "search.warmup=0",
        "search.batch=1",
    ]
    sets = [part for setting in (*small, "train.steps=1", "train.batch=1") for part in ("--set", setting)]
    data = ["--train", str(folder), "--test", f"photos={folder}", "--limit", "60M", "--seeds", "1", "--out", str(out)]
    done = CliRunner().invoke(limit_or_weight.main, [*data, *sets])
    assert done.exit_code == 0, done.output
    by_limit, by_weight = json.loads(out.read_text())["measured"]
    assert by_limit["bitops"] <= 60e6
    assert by_weight["bitops"] is None or by_weight["bitops"] <= 60e6
    ratio = by_limit["seconds"] / by_weight["seconds"]
    assert done.output.splitlines()[-1].endswith(f"| {ratio:.2f} x |")


def test_operators_of_a_runtime_are_timed(benchmark, tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    arguments = ["--network", "espcn", "--side", "16", "--threads", "1", "--images", "2", "--out", str(out)]
    done = CliRunner().invoke(benchmark("runtime_operators").main, arguments)
    assert done.exit_code == 0, done.output
    (measured,) = json.loads(out.read_text())["measured"]
    times = measured["seconds"]
    assert {"QLinearConv", "DequantizeLinear"} <= set(times["8 bits"])
    assert "Conv" in times["float"] and "QLinearConv" not in times["float"]
    longest = max(times["8 bits"], key=times["8 bits"].get)
    share = times["8 bits"][longest] / sum(times["8 bits"].values())
    assert f"| {longest} {share:.0%}, " in done.output


def test_the_page_about_deployment_has_the_kept_operators(benchmark) -> None:
    kept = json.loads((FOLDER / "results/runtime_operators.json").read_text())
    page = (FOLDER.parent / "docs/deployment.md").read_text()
    assert benchmark("runtime_operators").markdown(kept["measured"]) in page


def test_a_profile_of_a_runtime_is_summed_by_operator_without_its_first_image(benchmark) -> None:
    def event(node: str, operator: str, microseconds: int) -> dict[str, object]:
        return {"cat": "Node", "name": f"{node}_kernel_time", "dur": microseconds, "args": {"op_name": operator}}

    one = [event("a", "Conv", 9000), event("b", "Conv", 9000), event("c", "Add", 9000)]
    others = [event("a", "Conv", 10), event("b", "Conv", 20), event("c", "Add", 1)] * 2
    summed = benchmark("runtime_operators").summed([{"cat": "Session", "name": "run", "dur": 1}, *one, *others], 2)
    assert summed == pytest.approx({"Conv": 30e-6, "Add": 1e-6})


def test_sizes_of_files_stand_side_by_side(benchmark, tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    done = CliRunner().invoke(benchmark("sizes").main, ["--network", "espcn", "--out", str(out)])
    assert done.exit_code == 0, done.output
    sizes = json.loads(out.read_text())["bytes"]["espcn"]
    assert sizes["2/4/8 bits, int4"] < sizes["8 bits"] < sizes["float"] / 2
    assert f"{sizes['float'] / 1000:.1f} kB" in done.output.splitlines()[-1]


def test_integers_between_the_slots_are_set_against_floats(benchmark, monkeypatch, tmp_path: Path) -> None:
    between, out = benchmark("between"), tmp_path / "figures.json"
    train = {"name": "dead-leaves", "amount": 12, "size": 32}
    monkeypatch.setitem(between.SPEC, "data", {**between.SPEC["data"], "train": train, "patch": 8, "validation": 2})
    arguments = ["--network", "espcn", "--seeds", "1", "--steps", "4", "--out", str(out)]
    done = CliRunner().invoke(between.main, arguments)
    assert done.exit_code == 0, done.output
    ((before, *others),) = json.loads(out.read_text())["measured"][0]["psnr_y"]
    last = done.output.splitlines()[-1]
    assert len(others) == 3
    for after in others:
        assert f"{after - before:+.2f} dB" in last


SMALL = {
    "name": "skeleton",
    "channels": 4,
    "body": ["residual"],
    "bits": [4, 8],
    "operations": ["conv1x1", "conv3x3"],
}


@pytest.mark.thorough
def test_predicted_and_measured_latencies_are_compared(benchmark, tmp_path: Path, monkeypatch) -> None:
    latency = benchmark("latency")
    small = {"name": "skeleton", "channels": 4, "body": ["residual"], "bits": [4, 8], "operations": ["conv1x1"]}
    monkeypatch.setattr(latency, "SPACES", {"small": small})
    monkeypatch.setattr("qnas.core.deploy.timing.SETTLE", 0)
    out = tmp_path / "figures.json"
    arguments = ["--target", "onnxruntime", "--threads", "1", "--size", "16x12", "--networks", "3", "--rounds", "1"]
    done = CliRunner().invoke(latency.main, [*arguments, "--out", str(out)])
    assert done.exit_code == 0, done.output
    (measured,) = json.loads(out.read_text())["rows"]
    assert (measured["space"], measured["setting"]["size"], measured["setting"]["between"]) == ("small", [16, 12], 8)
    assert len(measured["predicted"]) == len(measured["measured"]) == len(measured["bitops"]) == 3
    error = np.median(np.abs(np.divide(measured["predicted"], measured["measured"]) - 1))
    assert f"| {100 * error:.1f} % |" in done.output
    monkeypatch.setattr(latency, "compared", lambda *_: pytest.fail("it is in the file"))
    assert CliRunner().invoke(latency.main, [*arguments, "--out", str(out)]).output == done.output


def test_the_page_about_latency_has_the_kept_figures(benchmark) -> None:
    kept = json.loads((FOLDER / "results/latency.json").read_text())
    assert "\n".join(benchmark("latency").markdown(kept["rows"])) in (FOLDER.parent / "docs/latency.md").read_text()


@pytest.mark.thorough
def test_searches_under_a_limit_on_latency_are_compared(benchmark, tmp_path: Path, monkeypatch) -> None:
    latency_search, out = benchmark("latency_search"), tmp_path / "figures.json"
    monkeypatch.setattr(latency_search, "SPACE", SMALL)
    monkeypatch.setattr(latency_search, "SHARE", 1.0)  # one operation everywhere is always quick enough
    monkeypatch.setattr("qnas.core.deploy.timing.SETTLE", 0)
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(12):
        pixels = np.random.default_rng(number).integers(0, 256, (48, 48, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(photos / f"{number}.png")
    quick = ["search.steps=2", "search.epochs=2", "search.warmup=0", "search.batch=1", "train.steps=1", "train.batch=1"]
    arguments = ["--train", str(photos), "--test", f"own={photos}", "--size", "16x12", "--rounds", "1", "--seeds", "1"]
    arguments += [part for setting in (*quick, "data.patch=8") for part in ("--set", setting)]
    done = CliRunner().invoke(latency_search.main, [*arguments, "--tables", str(tmp_path), "--out", str(out)])
    assert done.exit_code == 0, done.output
    rows = json.loads(out.read_text())["rows"]
    assert [row["way"] for row in rows] == list(latency_search.WAYS)
    assert all(row["predicted"] <= row["limit"] for row in rows)
    assert f"{1e3 * rows[-1]['measured']:.1f} ms" in done.output.splitlines()[-1]


def test_the_page_has_what_a_front_is_worth(benchmark) -> None:
    front, kept = benchmark("front"), json.loads((FOLDER / "results/front.json").read_text())
    told = "\n".join([*front.table(kept["rows"]), "", *front.times(kept["rows"])])
    assert told in (FOLDER.parent / "docs/tuning.md").read_text()


def test_a_sweep_is_followed_and_looked_at(benchmark, tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    options = ["--runs", "1", "--jobs", "1", "--finished", "3", "--out", str(out)]
    done = CliRunner().invoke(benchmark("sweep_overhead").main, options)
    assert done.exit_code == 0, done.output
    written = json.loads(out.read_text())
    assert (written["runs"], written["finished"]) == (1, 3)
    assert [ratio["what"] for ratio in written["ratios"]][1] == "seconds to look at 3 finished runs"
