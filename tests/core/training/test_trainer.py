import copy
import os

import numpy as np
import pytest
import torch
from torch import nn

from qnas.core.components import Loss, Quantizer
from qnas.core.images.pairs import ImagePair
from qnas.core.images.patches import PatchSampler
from qnas.core.network import QuantizedLayers
from qnas.core.settings import Widths
from qnas.core.training.criterion import Criterion
from qnas.core.training.machine import Machine
from qnas.core.training.schedule import Schedule
from qnas.core.training.trainer import Trainer
from qnas.core.upscale.scoring import validate

CPU = torch.device("cpu")


@pytest.fixture
def pairs() -> list[ImagePair]:
    random = np.random.default_rng(0)
    hr = [np.kron(random.integers(0, 256, (12, 12, 3), dtype=np.uint8), np.ones((2, 2, 1), np.uint8)) for _ in range(4)]
    return [ImagePair(str(i), image, image[::2, ::2]) for i, image in enumerate(hr)]


class Network(nn.Module):
    """Repeats each pixel, times a gain that should become 1."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(0.5))

    def forward(self, lr_image):
        return self.gain * lr_image.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)


def run(pairs, steps=60, validations=4, learning_rate=0.05, criterion=None):
    network = Network()
    batches = PatchSampler(pairs, 2, 8, 2, augment=True, seed=0, device=CPU)
    seen, validated = [], []
    schedule = Schedule(steps, learning_rate, validations)
    on_step, on_validation = lambda *s: seen.append(s), lambda *v: validated.append(v)
    trained = Trainer(Machine(CPU), network, batches, pairs[:1], schedule, on_step, on_validation, criterion).run()
    return network, trained, seen, validated


def test_it_learns_and_says_how_far_it_is(pairs):
    network, _, seen, validated = run(pairs)
    assert abs(network.gain.item() - 1) < 0.02
    assert [step for step, _ in validated] == [15, 30, 45, 60]
    assert len(seen) == 56
    assert validated[0][1]["loss"] > validated[-1][1]["loss"]
    assert not network.training


def test_the_parts_of_a_sum_are_reported_and_add_up(pairs):
    losses = {"l1": Loss.of("l1"), "mse": Loss.of({"name": "mse", "weight": 2})}
    _, _, seen, validated = run(pairs, criterion=Criterion(losses))
    for _, metrics in (*seen, *validated):
        assert list(metrics["losses"]) == ["l1", "mse"]
        assert float(sum(metrics["losses"].values())) == pytest.approx(float(metrics["loss"]), rel=1e-5)
    assert all(isinstance(part, float) for _, metrics in validated for part in metrics["losses"].values())
    last = [metrics["losses"]["mse"] for _, metrics in seen[:14]]
    assert validated[0][1]["losses"]["mse"] < max(last)  # its mean over 15 steps
    assert "losses" not in run(pairs)[3][0][1]


def test_the_best_weights_are_kept_and_the_last_too(pairs):
    network, trained, _, validated = run(pairs, learning_rate=0.4)  # far too high: it overshoots
    psnrs = [metrics["psnr"] for _, metrics in validated]
    assert trained.best_psnr == max(psnrs)
    assert trained.best_step == validated[psnrs.index(max(psnrs))][0]
    assert trained.last_psnr == psnrs[-1]
    assert trained.last["gain"] == network.gain
    if trained.best_step != 60:
        assert trained.best["gain"] != network.gain


def test_a_validation_is_always_at_the_end(pairs):
    _, trained, _, validated = run(pairs, steps=3, validations=10)
    assert [step for step, _ in validated] == [1, 2, 3]
    assert trained.best


def test_without_steps_the_network_is_judged_as_it_is(pairs):
    network, trained, seen, validated = run(pairs, steps=0)
    assert seen == []
    ((step, metrics),) = validated
    assert step == trained.best_step == 0
    assert metrics.keys() == {"psnr", "images"}
    assert trained.best["gain"] == trained.last["gain"] == network.gain == 0.5
    assert trained.best_psnr == trained.last_psnr == metrics["psnr"] == validate(Network(), pairs[:1], 2, CPU)[0]


@pytest.mark.parametrize("steps", [0, 1])
def test_quantizers_are_set_up_as_the_network_will_run(pairs, steps):
    quantizer = Quantizer.of("lsq").fake_quantizer(8, signed=True)
    normalised = nn.BatchNorm2d(3)  # as it stands, it leaves an image as it is
    batches = PatchSampler(pairs, 2, 8, 2, augment=True, seed=0, device=CPU)
    network = nn.Sequential(normalised, quantizer, nn.Upsample(scale_factor=2))
    Trainer(Machine(CPU), network, batches, pairs[:1], Schedule(steps, 0.01, ema=0.9)).calibrate()
    first = PatchSampler(pairs, 2, 8, 2, augment=True, seed=0, device=CPU).draw().lr
    expected = Quantizer.of("lsq").fake_quantizer(8, signed=True)
    expected.observe(nn.BatchNorm2d(3).train(bool(steps))(first))
    assert quantizer.log_step == expected.log_step


def test_files_are_written_with_the_users_umask(tmp_path):
    from qnas.core.files.atomic import write_atomically

    before = os.umask(0o077)
    try:
        write_atomically(tmp_path / "a.txt", b"mine")
    finally:
        os.umask(before)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o600


def branched_trainer(pairs, seed):
    torch.manual_seed(seed)
    convolution = QuantizedLayers(Quantizer.of("lsq"), Widths(8, 8)).conv(3, 12, 3, branches=["ecbsr", "conv1x1"])
    batches = PatchSampler(pairs, 2, 8, 2, augment=True, seed=0, device=CPU)
    network = nn.Sequential(convolution, nn.PixelShuffle(2))
    return Trainer(Machine(CPU), network, batches, pairs[:1], Schedule(6, 0.01, validations=2))


def test_branches_are_trained_saved_and_in_the_end_fused(pairs):
    whole = branched_trainer(pairs, seed=0)
    assert whole.network[0].branches is not None
    started, states = copy.deepcopy(whole.network.state_dict()), []
    trained = whole.run(lambda step: states.append(copy.deepcopy(whole.state_dict())))
    assert all(not torch.equal(value, started[name]) for name, value in states[-1]["network"].items())
    plain = QuantizedLayers(Quantizer.of("lsq"), Widths(8, 8)).conv(3, 12, 3)
    for kept in (trained.best, trained.last, whole.network.state_dict()):
        assert [name.removeprefix("0.") for name in kept] == list(plain.state_dict())

    resumed = branched_trainer(pairs, seed=1)
    resumed.load_state_dict(states[2])
    again = resumed.run()
    assert all(torch.equal(again.last[name], value) for name, value in trained.last.items())
    assert all(torch.equal(again.best[name], value) for name, value in trained.best.items())
