"""``qnas check --sensitivity``: the slots that matter most, on the images that a run would have."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import nn

from qnas.core.cli.main import invoke
from qnas.core.cli.terminal.console import Terminal
from qnas.core.cli.terminal.sensitivity_table import print_sensitivity
from qnas.core.images.patches import PatchSampler
from qnas.core.network import build_found, slot_candidates
from qnas.core.network.calibration import calibrate
from qnas.core.run.images import load_run_images
from qnas.core.run.sensitivity import NetworkSensitivity, SlotSensitivity, measure_sensitivity
from qnas.core.spec import Spec
from qnas.core.training.streams import stream_number
from qnas.core.upscale.scoring import validate

CPU = torch.device("cpu")


class Net(nn.Module):
    """A network of a user's, whose middle convolution hardly matters."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.middle, self.last = (nn.Conv2d(i, o, 3, padding=1) for i, o in ((3, 4), (4, 4), (4, 12)))
        nn.init.constant_(self.middle.weight, 1e-4)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        features = self.first(image).relu()
        return nn.functional.pixel_shuffle(self.last(features + self.middle(features)), 2)


@pytest.fixture
def fields(tmp_path: Path) -> dict[str, Any]:
    """A spec on that network, with weights and activations apart."""
    torch.manual_seed(3)
    torch.save(Net().state_dict(), tmp_path / "net.pth")
    space = {"name": "module", "target": f"{__name__}:Net", "weights": str(tmp_path / "net.pth")}
    images = {"name": "dead-leaves", "amount": 6, "size": 32}
    data = {"train": images, "test": {"leaves": images}, "validation": 2, "patch": 8}
    return {"name": "own", "scale": 2, "space": {**space, "bits": [8, [8, 2], [2, 8]]}, "data": data}


def check(tmp_path: Path, fields: dict[str, Any], *arguments: str) -> int:
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(fields))
    return invoke(["check", str(tmp_path / "spec.yaml"), *arguments])


def test_the_slots_that_matter_most_come_first(
    fields: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert check(tmp_path, fields, "--sensitivity") == 0
    shown = capsys.readouterr()
    rows = shown.out.split("costs most")[1].splitlines()[1:]
    slots = [row.split()[0] for row in rows]
    assert sorted(slots) == ["first", "last", "middle"]
    assert slots[-1] == "middle"
    lost = [float(row.split("@ ")[1].split()[1]) for row in rows]
    assert lost == sorted(lost, reverse=True)
    assert "sensitivity: networks" in shown.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.pth", "spec.yaml"]


def test_it_is_said_where_weights_are_from(
    fields: dict[str, Any], tmp_path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(tmp_path, fields) == 0
    assert f"weights: from {tmp_path / 'net.pth'}" in capsys.readouterr().out
    assert check(tmp_path, {**fields, "space": {**fields["space"], "weights": "fresh"}}) == 0
    assert "weights: from" not in capsys.readouterr().out


def test_what_is_lost_is_against_the_widest_bits(fields: dict[str, Any]) -> None:
    spec = Spec.model_validate(fields)
    reported: list[tuple[str, int, int]] = []
    measured = measure_sensitivity(spec, lambda *progress: reported.append(progress))
    assert [progress for progress in reported if progress[0] == "networks"] == [
        ("networks", done, 7) for done in range(1, 8)
    ]
    assert measured.images == 2
    assert measured.given == pytest.approx(measured.psnr, abs=0.5)
    assert measured.given != measured.psnr
    assert {tuple(sorted(slot.lost)) for slot in measured.slots} == {("native @ 2/8", "native @ 8/2")}
    learn = load_run_images(spec.data, 2, spec.seed, lambda *_: None).learn
    of_batch = {"augment": spec.data.augment, "seed": (spec.seed, stream_number("sensitivity")), "device": CPU}
    batch = PatchSampler(learn.training, 2, spec.data.patch, spec.search.batch, **of_batch).draw().lr

    def psnr(changed: Mapping[str, tuple[int, int]]) -> float:
        options = slot_candidates(spec.space, 2).items()
        chosen = {p: next(one for one in of_slot if one.widths == changed.get(p, (8, 8))) for p, of_slot in options}
        network = build_found(spec.space, 2, chosen, spec.quantizer.train).eval()
        calibrate(network, lambda: network(batch))
        return validate(network, learn.validation, 2, CPU)[0]

    assert measured.psnr == psnr({})
    lost = {slot.path: slot.lost for slot in measured.slots}
    assert lost["first"]["native @ 2/8"] == measured.psnr - psnr({"first": (2, 8)})
    assert lost["last"]["native @ 8/2"] == measured.psnr - psnr({"last": (8, 2)})


@pytest.mark.parametrize(
    ("space", "said"),
    [
        ({"name": "basic"}, "the space 'basic' states no weights, which a sensitivity is measured on"),
        ({"bits": [4]}, "no slot has a choice, so there is no sensitivity to measure"),
    ],
)
def test_where_there_is_none_it_is_refused_in_a_line(
    space: dict[str, Any], said: str, fields: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = space if "name" in space else {**fields["space"], **space}
    assert check(tmp_path, {**fields, "space": whole}, "--sensitivity") == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    (line,) = shown.err.splitlines()
    assert re.fullmatch(rf"{re.escape(str(tmp_path / 'spec.yaml'))}:\d+:\d+: space: {re.escape(said)}", line)


def test_many_slots_are_summed_up(capsys: pytest.CaptureFixture[str]) -> None:
    slots = [
        SlotSensitivity(f"slot{n}", 1 + (n == 0), {"native @ 2": 3.0 - n / 10, "native @ 4": -0.001}) for n in range(13)
    ]
    print_sensitivity(Terminal(width=100), NetworkSensitivity(30.5, 30.0, 8, slots))
    shown = capsys.readouterr().out.splitlines()
    assert "everywhere PSNR is 30.00 dB (8 held-out images), in float 30.50 dB" in " ".join(shown)
    assert shown[-1] == "3 more slots: 2.00 dB at most"
    assert [line.split()[0] for line in shown if line.startswith("slot")][1:] == [f"slot{n}" for n in range(10)]
    (first,) = (line for line in shown if line.startswith("slot0 "))
    assert " ".join(first.split()) == "slot0 (and 1 that share its choice) native @ 2 3.00 native @ 4 0.00"
