"""Scoring: values that are not finite are never taken for a picture. Calibrating a network before training."""

import copy
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from qnas.core.cli.main import invoke
from qnas.core.components import Pixels, Quantizer
from qnas.core.errors import QnasError
from qnas.core.files.folder import RunFolder
from qnas.core.images.metrics import psnr_y
from qnas.core.images.pairs import ImagePair
from qnas.core.network.calibration import calibrate_for_training
from qnas.core.run.names import MODEL
from qnas.core.run.run import run_spec
from qnas.core.spec import load_spec, read_spec
from qnas.core.upscale.enlarging import NotFiniteError, enlarge
from qnas.core.upscale.scoring import validate

from ...found_run import write_run

CPU = torch.device("cpu")


def pixels(seed: int, height: int = 12, width: int = 14) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


class Repeating(nn.Module):
    """Repeats each pixel, but one place gets another value."""

    def __init__(self, value: float | None = None) -> None:
        super().__init__()
        self.value = value

    def forward(self, lr_image: Tensor) -> Tensor:
        result = lr_image.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
        if self.value is not None:
            result[:, 1, 5, 7] = self.value
        return result


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_of_a_broken_network_no_picture_is_made(value):
    with pytest.raises(NotFiniteError, match="output for an image of 14 x 12 contains NaN or infinity"):
        enlarge(Repeating(value), pixels(0), CPU)


@pytest.mark.parametrize(("value", "pixel"), [(1e30, 255), (-1e30, 0)])
def test_what_is_only_out_of_range_is_clipped(value, pixel):
    assert enlarge(Repeating(value), pixels(0), CPU)[5, 7, 1] == pixel


def test_in_a_validation_it_is_the_worst_there_can_be():
    pairs = [ImagePair(str(seed), pixels(seed, 24, 28), pixels(seed + 9)) for seed in range(2)]
    psnr, error = validate(Repeating(), pairs, 2, CPU)
    ours = [(np.repeat(np.repeat(pair.lr, 2, 0), 2, 1), pair.hr) for pair in pairs]
    assert psnr == pytest.approx(np.mean([psnr_y(image, hr, 2) for image, hr in ours]))
    assert error == pytest.approx(np.mean([np.abs(image.astype(float) - hr).mean() / 255 for image, hr in ours]))
    with pytest.warns(UserWarning, match="during validation, the network.s output for an image of"):
        assert validate(Repeating(math.nan), pairs, 2, CPU) == (-math.inf, math.inf)


@pytest.mark.parametrize("broken", [{0}, {1, 2}])
def test_a_search_goes_on_where_a_network_taken_out_of_it_is_broken(broken, tiny: Path, monkeypatch):
    from qnas.core.search import task

    derive, taken = task.derive, []

    def breaking(*arguments: Any) -> nn.Module:
        network = derive(*arguments)
        if len(taken) in broken:
            with torch.no_grad():
                next(network.parameters()).fill_(math.nan)
        taken.append(network)
        return network

    monkeypatch.setattr(task, "derive", breaking)
    folder = RunFolder(tiny.parent / "out")
    with pytest.warns(UserWarning, match="it is scored as the worst possible network"):
        run_spec(load_spec(tiny), folder, until="search")
    psnrs = [line["psnr"] for line in folder.history("search")]
    assert [psnr is None for psnr in psnrs] == [epoch in broken for epoch in range(3)]
    assert folder.read_json("search/result.json")["best_epoch"] not in broken


@pytest.fixture
def broken_run(tiny: Path) -> Path:
    """A run whose trained network contains NaN, but whose search is intact."""
    folder = RunFolder(tiny.parent / "run")
    run_spec(load_spec(tiny), folder, until="train")
    break_weights(folder)
    return folder.path


def break_weights(folder: RunFolder) -> None:
    weights, metadata = folder.read_checked(MODEL)
    name = next(name for name, tensor in weights.items() if tensor.is_floating_point())
    weights[name].fill_(math.nan)
    metadata.pop("sha256", None)  # its checksum is written anew
    folder.write_tensors(MODEL, weights, **metadata)


def test_a_broken_network_is_not_evaluated(broken_run: Path, tiny: Path):
    with pytest.raises(QnasError, match=r"the network.s output .* contains NaN or infinity"):
        run_spec(load_spec(tiny), RunFolder(broken_run), resume=True)
    assert not (broken_run / "result.json").exists()


def test_the_commands_refuse_it_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write_run(tmp_path / "run")
    break_weights(RunFolder(tmp_path / "run"))
    (tmp_path / "images").mkdir()
    for index in range(2):
        Image.fromarray(pixels(index, 24, 28)).save(tmp_path / f"images/{index}.png")
    image = tmp_path / "images/0.png"
    assert invoke(["upscale", str(tmp_path / "run"), str(image), "--device", "cpu"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[-2] == "not enlarged: 1 of 1 image"
    assert lines[-1].startswith(f"{image}: the network's output for an image of 28 x 24 contains NaN or infinity")
    assert not (tmp_path / "images/0_x2.png").exists()
    assert invoke(["evaluate", str(tmp_path / "run"), "--data", str(tmp_path / "images"), "--device", "cpu"]) == 1
    *_, last = capsys.readouterr().err.splitlines()
    assert last.startswith("images/1.png: the network's output for an image of 14 x 12 contains NaN or infinity")


def test_a_training_keeps_its_best_where_a_later_validation_is_broken(tiny: Path, monkeypatch):
    from qnas.core.training import trainer as training

    judged = []

    def breaking(network: nn.Module, *rest: Any) -> tuple[float, float]:
        judged.append(network)
        if len(judged) == 3:  # of 3
            return validate(Repeating(math.nan), *rest)
        return validate(network, *rest)

    monkeypatch.setattr(training, "validate", breaking)
    folder = RunFolder(tiny.parent / "out")
    with pytest.warns(UserWarning, match="it is scored as the worst possible network"):
        run_spec(read_spec(tiny, ["search.steps=3"]).spec, folder, until="evaluate")
    assert [line["psnr"] is None for line in folder.history("train")] == [False, False, True]
    assert folder.read_json("train/result.json")["best_step"] in {2, 4}
    assert folder.read_json("train/result.json")["last_psnr_y"] is None


class Normalised(nn.Module):
    """Dropout, Batch Norm, and a quantizer behind another that adds noise in training."""

    def __init__(self, quantizer: str) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.drop = nn.Dropout(0.5)
        self.first, self.second = (Quantizer.of(quantizer).fake_quantizer(2, signed=True) for _ in range(2))

    def forward(self, image: Tensor) -> Tensor:
        result: Tensor = self.second(self.first(self.norm(5 + 9 * image)) * 2)
        return self.drop(result)


@pytest.mark.parametrize("quantizer", ["lsq", "nipq", "hwgq"])
def test_what_is_to_be_trained_is_calibrated_on_what_training_sends_and_nothing_else_moves(quantizer):
    torch.manual_seed(0)
    network, image = Normalised(quantizer).eval(), torch.rand(4, 3, 8, 8)
    by_hand = copy.deepcopy(network)
    drawn, statistics = torch.get_rng_state(), copy.deepcopy(network.norm.state_dict())
    calibrate_for_training(network, lambda: network(image))
    with torch.no_grad():
        features = nn.functional.batch_norm(5 + 9 * image, None, None, training=True)
        by_hand.first.observe(features)
        by_hand.second.observe(by_hand.first(features) * 2)  # rounded, without noise
    torch.testing.assert_close(network.first.grid(), by_hand.first.grid())
    torch.testing.assert_close(network.second.grid(), by_hand.second.grid())
    assert all(torch.equal(value, network.norm.state_dict()[name]) for name, value in statistics.items())
    assert torch.equal(torch.get_rng_state(), drawn)
    assert all(module.training for module in network.modules())
