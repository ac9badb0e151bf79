"""What a training may be asked for: an average, batches in parts, a warm-up, decay, patches that grow."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

from qnas.core.components import Quantizer, Residual
from qnas.core.files.state import from_bytes, to_bytes
from qnas.core.images.pairs import ImagePair
from qnas.core.images.patches import Batch, PatchSampler
from qnas.core.training.average import Average
from qnas.core.training.divergence import Diverged
from qnas.core.training.machine import Machine
from qnas.core.training.optimizer import OwnRates, adam, adamw
from qnas.core.training.rates import cosine
from qnas.core.training.schedule import Schedule
from qnas.core.training.step import WeightStep
from qnas.core.training.trainer import Trainer
from qnas.core.upscale.scoring import validate

CPU = torch.device("cpu")
STEPS = 12
EVERYTHING = {"ema": 0.9, "accumulate": 2, "warmup": 4, "weight_decay": 0.1, "patches": {0: 8, 6: 10}}
EACH = [pytest.param({name: value}, marks=pytest.mark.slow, id=name) for name, value in EVERYTHING.items()]


class Network(nn.Module):
    """A convolution, Batch Norm, ADQ's statistics and a quantizer, at scale 2."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        body = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8))
        quantizer = Quantizer.of("lsq").fake_quantizer(4, signed=True)
        self.layers = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), quantizer, Residual.of("adq").wrap(body, 8))
        self.head = nn.Sequential(nn.Conv2d(8, 12, 3, padding=1), nn.PixelShuffle(2))

    def forward(self, lr_image):
        return self.head(self.layers(lr_image))


def plain() -> nn.Sequential:
    """A network without statistics of the batch."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.GELU(), nn.Conv2d(8, 12, 3, padding=1), nn.PixelShuffle(2))


def pairs() -> list[ImagePair]:
    random = np.random.default_rng(0)
    hr = [random.integers(0, 256, (32, 28, 3), dtype=np.uint8) for _ in range(4)]
    return [ImagePair(str(index), image, image[::2, ::2]) for index, image in enumerate(hr)]


def trainer(network=None, batch=4, on_divergence="stop", report=lambda *_: None, **options) -> Trainer:
    batches = PatchSampler(pairs(), 2, 8, batch, augment=True, seed=0, device=CPU)
    schedule = Schedule(STEPS, 3e-3, 4, on_divergence=on_divergence, **options)
    made = Trainer(Machine(CPU), network or Network(), batches, pairs()[:1], schedule, report, report)
    made.calibrate()
    return made


def weights(made: Trainer) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in made.network.state_dict().items()}


def assert_same(one, other) -> None:
    assert one.keys() == other.keys()
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


def test_the_average_is_that_of_the_weights_after_each_step_and_is_what_is_kept():
    seen, judged = [], {}
    made = trainer(ema=0.7, report=lambda step, metrics: judged.update({step: metrics}))
    trained = made.run(lambda _: seen.append(weights(made)))
    expected, averages = {name: value.double() for name, value in seen[0].items()}, []
    for step, now in enumerate(seen, 1):
        kept = min(0.7, (1 + step) / (10 + step)) if step > 1 else 0
        expected = {name: kept * expected[name] + (1 - kept) * now[name].double() for name in now}
        averages.append(expected)
    floats = [name for name, value in seen[0].items() if value.is_floating_point()]
    assert {"layers.1.log_step", "layers.2.body.1.running_var"} <= set(floats)
    assert kept == 13 / 22 < 0.7  # a short training ends before the decay is reached
    for ours, at in ((trained.last, STEPS), (trained.best, trained.best_step), (weights(made), STEPS)):
        for name in floats:
            torch.testing.assert_close(ours[name].double(), averages[at - 1][name], rtol=1e-5, atol=1e-7)
            assert not torch.equal(ours[name], seen[at - 1][name]), name
    assert trained.last["layers.2.body.1.num_batches_tracked"] == STEPS
    other = Network()
    other.load_state_dict(trained.last)
    assert validate(other.eval(), pairs()[:1], 2, CPU) == (trained.last_psnr, trained.last_error)
    assert judged[STEPS]["psnr"] == trained.last_psnr


def test_a_decay_that_is_reached_stays():
    network = nn.Linear(1, 1, bias=False)
    average = Average(network, 0.5)
    for step in range(1, 31):
        nn.init.constant_(network.weight, float(step >= 30))
        average.update(step)
    assert average.state["weight"].item() == 0.5


def test_the_average_leaves_the_training_as_it_is_to_the_bit():
    ends = []
    for ema in (None, 0.9):
        made, seen = trainer(ema=ema), []
        made.run(lambda _, made=made, seen=seen: seen.append(weights(made)))
        ends.append(seen)
    for one, other in zip(*ends, strict=True):
        assert_same(one, other)


class Widest(nn.Module):
    """Notes how many images it was given at once."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network, self.batches = network, []

    def forward(self, lr_image):
        self.batches.append(len(lr_image))
        return self.network(lr_image)


@pytest.mark.parametrize(("parts", "sizes"), [(1, [5]), (2, [3, 2]), (3, [2, 2, 1]), (9, [1] * 5)])
def test_a_batch_in_parts_is_the_step_of_the_whole(parts, sizes):
    batch = PatchSampler(pairs(), 2, 8, 5, augment=True, seed=0, device=CPU).draw()
    ends = []
    for accumulate in (1, parts):
        network = Widest(plain().double())
        optimizer = torch.optim.SGD(network.parameters(), lr=1.0)
        step = WeightStep(
            Machine(CPU), optimizer, cosine(optimizer, 9), list(network.parameters()), 0.05, accumulate=accumulate
        )
        before = copy.deepcopy(network.network.state_dict())
        loss = step(network, Batch(batch.lr.double(), batch.hr.double()))
        moved = {name: value - before[name] for name, value in network.network.state_dict().items()}
        ends.append((loss.double(), moved, network.batches))
    (whole, far, _), (ours, near, given) = ends
    assert given == sizes
    torch.testing.assert_close(ours, whole, rtol=1e-6, atol=0)  # the loss itself is a float32
    for name, distance in far.items():
        assert distance.abs().sum() > 0
        torch.testing.assert_close(near[name], distance, rtol=1e-4, atol=1e-9)


def test_rates_rise_linearly_then_fall_along_the_cosine_of_what_is_left():
    optimizer = torch.optim.SGD([{"params": [nn.Parameter(torch.zeros(1))]}], lr=0.8)
    rates, seen = cosine(optimizer, 10, 3), []
    for _ in range(10):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        rates.step()
    rising = [0.2, 0.4, 0.6]
    falling = [0.4 * (1 + math.cos(math.pi * step / 7)) for step in range(7)]
    assert seen == pytest.approx([*rising, *falling])
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0, abs=1e-12)


def test_without_a_warm_up_the_rates_are_those_of_before():
    assert type(cosine(adam(plain(), 0.1), 10)) is torch.optim.lr_scheduler.CosineAnnealingLR


def test_only_kernels_and_matrices_decay():
    made = nn.ModuleDict(
        {
            "network": Network(),
            "attention": nn.MultiheadAttention(4, 2),
            "norm": nn.LayerNorm(4),
            "prelu": nn.PReLU(4),
            "depthwise": nn.Conv2d(4, 4, 3, groups=4),
        }
    )
    made.scale = nn.Parameter(torch.ones(1, 4, 1, 1))
    made.position_bias = nn.Parameter(torch.ones(9, 2))
    before = {name: p.detach().clone() for name, p in made.named_parameters()}
    optimizer = adamw(made, 0.1, 0.5, OwnRates(scalars=0.2, steps=0.3))
    for parameter in made.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    shares = {name: p.detach() / before[name] for name, p in made.named_parameters()}
    decayed = {name for name, p in made.named_parameters() if not torch.equal(p, before[name])}
    assert decayed == {
        *("network.layers.0.weight", "network.layers.2.body.0.weight", "network.head.0.weight"),
        *("attention.in_proj_weight", "attention.out_proj.weight", "depthwise.weight"),
    }
    for name in decayed:
        torch.testing.assert_close(shares[name], torch.full_like(shares[name], 0.95))


def test_decay_is_no_part_of_the_gradient():
    """Adam divides a gradient by its size: coupled decay would move every weight by the rate, whatever it weighs."""
    network = plain()
    optimizer = adamw(network, 0.1, 0.01)
    before = network[0].weight.detach().clone()
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    torch.testing.assert_close(network[0].weight.detach(), before * 0.999)


def test_patches_grow_after_their_steps_and_are_reported():
    seen, reported = [], []
    network = plain()
    network.register_forward_pre_hook(
        lambda module, inputs: seen.append(inputs[0].shape[-1]) if module.training else None
    )
    made = trainer(network, patches={3: 12, 5: 10}, report=lambda step, metrics: reported.append(metrics["patch"]))
    seen.clear()  # of the calibration
    made.run()
    assert seen == reported == [8, 8, 8, 12, 12, *[10] * 7]


def test_patches_of_a_size_are_those_of_a_sampler_that_always_had_it():
    grown = PatchSampler(pairs(), 2, 8, 3, augment=True, seed=0, device=CPU)
    other = PatchSampler(pairs(), 2, 12, 3, augment=True, seed=0, device=CPU)
    grown.draw(), other.draw()
    grown.patch = 12
    ours, theirs = grown.draw(), other.draw()
    assert torch.equal(ours.lr, theirs.lr)
    assert torch.equal(ours.hr, theirs.hr)


def test_what_was_not_asked_for_is_not_reported():
    reported = []
    trainer(report=lambda step, metrics: reported.append(set(metrics))).run()
    assert {frozenset(keys) for keys in reported} == {frozenset({"loss"}), frozenset({"loss", "psnr", "images"})}


def breaking(monkeypatch) -> None:
    """Make step 8 diverge at more than a quarter of the rate."""
    take_step = WeightStep.__call__

    def broken(step, *arguments):
        loss = take_step(step, *arguments)
        return loss * math.nan if step.schedule.last_epoch == 8 and step.schedule.base_lrs[0] > 1e-3 else loss

    monkeypatch.setattr(WeightStep, "__call__", broken)


def outcome(made: Trainer, keep=lambda _: None):
    trained = made.run(keep)
    return {**trained.last, **{f"best {name}": value for name, value in trained.best.items()}}, (
        *(trained.best_psnr, trained.best_step, trained.last_psnr, trained.last_error, trained.halvings),
    )


@pytest.mark.parametrize("options", [*EACH, pytest.param(EVERYTHING, id="everything")])
@pytest.mark.filterwarnings("ignore:the loss is nan")
def test_wherever_it_is_kept_it_ends_the_same_also_if_it_diverges(options, monkeypatch):
    breaking(monkeypatch)
    kept = []
    whole = trainer(on_divergence="lower-rate", **options)
    tensors, numbers = outcome(whole, lambda _: kept.append(to_bytes({"loop": whole.state_dict()})))
    assert numbers[-1] == 2
    assert all(value.isfinite().all() for value in tensors.values())
    for state in (kept[4], kept[6], kept[-1]):  # before it goes back for the first time, and when it is done
        again = trainer(on_divergence="lower-rate", **options)
        again.load_state_dict(from_bytes(state)["loop"])
        ours, our_numbers = outcome(again)
        assert_same(ours, tensors)
        assert our_numbers == numbers


def test_one_that_may_not_go_back_stops(monkeypatch):
    breaking(monkeypatch)
    with pytest.raises(Diverged, match="the loss is nan at step 8"):
        trainer(**EVERYTHING).run()
