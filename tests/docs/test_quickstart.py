"""What the quickstart must show."""

import json
import re
from pathlib import Path

from .conftest import ROOT, commands, shell

BY_HAND = [command for command in commands("README.md") if ".venv" in command]


def test_the_found_network_beats_bicubic_on_the_photographs(quickstart: Path) -> None:
    photos = json.loads((quickstart / "result.json").read_text())["test"]["photos"]
    assert photos["psnr_y"] - photos["bicubic"]["psnr_y"] >= 0.7
    images = json.loads((quickstart / "evaluate/result.json").read_text())["images"]["photos"]
    assert set(images) == {"astronaut", "chelsea", "coffee", "rocket", "motorcycle_left"}


def test_entropy_falls_under_a_tenth_of_its_start(quickstart: Path) -> None:
    found = json.loads((quickstart / "search/result.json").read_text())
    assert found["entropy_at_end"] < 0.1 * found["entropy_at_start"]


def test_each_slot_has_one_operation_at_one_width(quickstart: Path) -> None:
    slots = json.loads((quickstart / "architecture.json").read_text())["slots"]
    assert len(slots) == 11
    assert json.loads((quickstart / "result.json").read_text())["ties"] == []
    epoch = json.loads((quickstart / "search/result.json").read_text())["best_epoch"]
    history = [json.loads(line) for line in (quickstart / "search/history.jsonl").read_text().splitlines()]
    for path, probabilities in history[epoch]["probabilities"].items():
        best = max(probabilities, key=probabilities.get)
        assert probabilities[best] > 0.9
        assert best == f"{slots[path]['operation']['name']} @ {slots[path]['weight_bits']}"
    for choice in slots.values():
        assert choice["operation"]["name"]
        assert choice["weight_bits"] == choice["activation_bits"] in {4, 8}


def test_its_network_has_no_more_values_than_its_bits_allow(quickstart: Path) -> None:
    from qnas.core.components import Quantizer
    from qnas.core.files.folder import RunFolder
    from qnas.core.network import Architecture, QuantizedConv2d

    folder = RunFolder(quickstart)
    network = Architecture.from_json(folder.read_text("architecture.json")).build(Quantizer.of("lsq"))
    network.load_state_dict(folder.read_tensors("model.safetensors"))
    convolutions = [m for m in network.modules() if isinstance(m, QuantizedConv2d)]
    assert convolutions
    for convolution in convolutions:
        for kernel in convolution.weight_quantizer(convolution.weight):  # each output channel has its own step
            assert len(kernel.unique()) <= 2**convolution.widths.weight


def test_make_demo_does_what_the_readme_does_by_hand(quickstart: Path) -> None:
    plan = dry_run("make demo")
    for command in BY_HAND:
        assert command in plan
    assert BY_HAND[-1] == ".venv/bin/qnas run specs/quickstart.yaml"  # which the fixture has run
    assert (quickstart / "report.html").stat().st_size > 100_000


def test_make_demo_ends_with_a_verified_file(quickstart: Path) -> None:
    (export,) = re.findall(r"^\.venv/bin/(qnas export runs/quickstart .+)", dry_run("make demo"), re.MULTILINE)
    done = shell(export, quickstart.parents[1])
    assert done.returncode == 0, done.stderr
    assert (quickstart / "export/onnxruntime.onnx").is_file()


def dry_run(target: str) -> str:
    """The commands of a target of make."""
    return shell(f"{target} --dry-run --always-make", ROOT).stdout.replace(" --quiet", "")


def test_the_folder_of_a_run_is_as_the_readme_says(quickstart: Path) -> None:
    for name in ("spec.yaml", "environment.json", "architecture.json", "model.safetensors", "result.json"):
        assert f"`{name}`" in (ROOT / "README.md").read_text()
        assert (quickstart / name).is_file()
