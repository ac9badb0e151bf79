"""A loop that diverges: it is noticed, reported with its cause, and goes back if asked to."""

import math
import warnings

import pytest
import torch
from torch import nn

from qnas.core.components import Quantizer
from qnas.core.files.state import from_bytes, to_bytes
from qnas.core.training.divergence import Diverged, refuse_diverged
from qnas.core.training.loop import MOST_HALVINGS, Loop
from qnas.core.training.machine import Machine


class Descent(Loop):
    """Minimises a square, with noise, and is judged every 5 steps. Above a learning rate, it breaks at some step."""

    def __init__(self, on_divergence="stop", rate=0.4, breaks_above=1.0, breaks_at=13) -> None:
        torch.manual_seed(0)
        self.weights = nn.Linear(2, 2, bias=False)
        self.optimizer = torch.optim.Adam(self.weights.parameters(), lr=rate)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, 20)
        self.breaks_above, self.breaks_at = breaks_above, breaks_at
        self.judged: list[tuple[int, float]] = []
        machine = Machine(torch.device("cpu"))
        super().__init__(machine, self.weights, [self.optimizer], [self.schedule], [], on_divergence)

    def advance(self) -> None:
        loss = (self.weights.weight + 0.1 * torch.randn(2, 2)).square().mean()
        if self.step + 1 == self.breaks_at and self.schedule.base_lrs[0] > self.breaks_above:
            loss = loss * math.inf
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.schedule.step()
        self.count(loss.detach())
        if self.step % 5 == 0:
            mean = self.mean_loss()
            self.judged.append((self.step, mean))
            self.mark_judged()

    def get_extra_state(self):
        return {"judged": self.judged}

    def set_extra_state(self, state) -> None:
        self.judged = [(step, loss) for step, loss in state["judged"]]


def nothing(step: int) -> None:
    """Keep no state."""


def test_a_loop_that_breaks_stops_and_says_when_and_why():
    loop = Descent(breaks_above=0.1)
    with pytest.raises(Diverged, match=r"the loss is inf at step 13: lower the learning rate") as caught:
        loop.go_on(20, nothing)
    assert caught.value.step == 13
    assert [step for step, _ in loop.judged] == [5, 10]


def test_long_before_it_is_judged_a_broken_loss_is_noticed(monkeypatch):
    monkeypatch.setattr("qnas.core.training.loop._LOOK_STEPS", 4)
    loop = Descent(breaks_above=0.1, breaks_at=11)
    with pytest.raises(Diverged, match="at step 11"):
        loop.go_on(20, nothing)
    assert loop.step == 12


def test_a_broken_state_is_never_given_away():
    loop = Descent(breaks_above=0.1, breaks_at=3)
    for _ in range(2):
        loop.advance()
    loop.state_dict()
    loop.advance()
    with pytest.raises(Diverged, match="at step 3"):
        loop.state_dict()


def test_weights_that_broke_in_a_step_of_a_finite_loss_are_noticed_too():
    loop = Descent()
    loop.advance()
    with torch.no_grad():
        loop.weights.weight[0, 0] = math.nan
    with pytest.raises(Diverged, match="the weights are not finite after step 1"):
        loop.state_dict()


def test_if_wanted_it_goes_back_and_halves_the_rate():
    loop = Descent("lower-rate", rate=0.4, breaks_above=0.15)
    with pytest.warns(UserWarning) as warned:
        loop.go_on(20, nothing)
    assert [str(w.message)[:60] for w in warned] == ["the loss is inf at step 13: lower the learning rate; continu"] * 2
    assert "from step 10 at half the rate (1 of 5 times)" in str(warned[0].message)
    assert (loop.halvings, loop.schedule.base_lrs) == (2, [0.1])
    assert [step for step, _ in loop.judged] == [5, 10, 15, 20]
    assert loop.weights.weight.isfinite().all()
    # From step 10 on, it follows the cosine of a rate of 0.1, as if it had begun with that rate.
    assert loop.optimizer.param_groups[0]["lr"] == pytest.approx(0, abs=1e-9)


def test_rates_of_their_own_fall_and_are_halved_like_the_others():
    loop = Descent("lower-rate", rate=0.4, breaks_above=0.15)
    loop.optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(2))], "lr": 4.0})
    loop.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(loop.optimizer, 20)
    loop.schedules = [loop.schedule]
    seen = []
    with pytest.warns(UserWarning):
        loop.go_on(20, lambda _: seen.append([group["lr"] for group in loop.optimizer.param_groups]))
    assert loop.schedule.base_lrs == [0.1, 1.0]
    assert all(own == pytest.approx(10 * rate, abs=1e-9) for rate, own in seen)
    assert seen[-1] == pytest.approx([0, 0], abs=1e-8)


def test_it_goes_back_only_so_often():
    loop = Descent("lower-rate", breaks_above=0.0)
    with pytest.warns(UserWarning), pytest.raises(Diverged, match="at step 13"):
        loop.go_on(20, nothing)
    assert loop.halvings == MOST_HALVINGS


def kept_at(step: int, on_divergence: str):
    loop = Descent(on_divergence, breaks_above=0.1)
    loop.go_on(step, nothing)
    return from_bytes(to_bytes(loop.state_dict()))


def test_one_that_went_back_and_is_to_stop_from_now_on_stops():
    steps: list[int] = []

    def count(step: int) -> None:
        steps.append(step)
        assert len(steps) < 40, "it comes to no end"

    loop = Descent("stop", breaks_above=0.1)
    loop.load_state_dict(kept_at(11, "lower-rate"))
    with warnings.catch_warnings(action="ignore"), pytest.raises(Diverged, match="at step 13"):
        loop.go_on(20, count)
    assert steps == [12, 13, 14]  # the losses are checked after 15


def test_one_that_was_to_stop_and_is_to_go_back_from_now_on_goes_back_to_where_it_went_on():
    loop = Descent("lower-rate", breaks_above=0.1)
    loop.load_state_dict(kept_at(11, "stop"))
    with pytest.warns(UserWarning, match="continuing from step 11 at half the rate"):
        loop.go_on(20, nothing)
    assert loop.halvings == 2


@pytest.mark.parametrize("on_divergence", ["stop", "lower-rate"])
@pytest.mark.parametrize("stopped", [1, 4, 5, 11, 12, 14, 17])
def test_wherever_it_is_kept_it_ends_the_same(on_divergence, stopped):
    """Also if it will have to go back to before it was saved."""
    breaks_above = 0.15 if on_divergence == "lower-rate" else 1.0

    class EnoughError(Exception):
        pass

    def keep_once(step: int) -> None:
        if step == stopped:
            kept.append(to_bytes({"loop": loop.state_dict(), "random": torch.get_rng_state()}))
            raise EnoughError

    with warnings.catch_warnings(action="ignore"):
        whole = Descent(on_divergence, breaks_above=breaks_above)
        whole.go_on(20, nothing)
        kept: list[bytes] = []
        loop = Descent(on_divergence, breaks_above=breaks_above)
        with pytest.raises(EnoughError):
            loop.go_on(20, keep_once)
        again, state = Descent(on_divergence, breaks_above=breaks_above), from_bytes(kept[0])
        again.load_state_dict(state["loop"])
        torch.set_rng_state(state["random"])
        assert again.step == stopped
        again.go_on(20, nothing)
    assert torch.equal(again.weights.weight, whole.weights.weight)
    assert again.judged == whole.judged
    assert again.halvings == whole.halvings == (2 if on_divergence == "lower-rate" else 0)


def test_looking_more_often_changes_nothing():
    """A checkpoint notices the divergence sooner than a validation would; both go back to the same place."""
    ends = []
    for look in (nothing, None):
        loop = Descent("lower-rate", breaks_above=0.15)
        with pytest.warns(UserWarning):
            loop.go_on(20, look or (lambda _, loop=loop: loop.state_dict()))
        ends.append(loop.weights.weight.clone())
    assert torch.equal(*ends)


def quantized() -> nn.Sequential:
    quantizers = [Quantizer.of("lsq").fake_quantizer(4, signed=True) for _ in range(2)]
    return nn.Sequential(nn.Linear(2, 2), *quantizers)


def refused(network, losses=(0.5, math.nan), penalties=(), precision="float32") -> str:
    tensors = [torch.tensor(loss) for loss in losses], [torch.tensor(p) for p in penalties]
    with pytest.raises(Diverged) as caught:
        refuse_diverged(tensors[0], 10, network, precision, tensors[1])
    return str(caught.value)


def test_what_is_finite_is_let_pass():
    refuse_diverged([torch.tensor(1.0)], 1, quantized(), "float32")
    refuse_diverged([], 0, nn.Identity(), "float32", [])


def test_the_quantizer_that_broke_is_named():
    network = quantized()
    with torch.no_grad():
        network[2].log_step.fill_(math.inf)
    assert (
        refused(network)
        == "the loss is nan at step 10: it began at log_step of the quantizer 2; lower the learning rate"
    )


def test_a_weight_that_broke_is_named():
    network = quantized()
    with torch.no_grad():
        network[0].weight[1, 0] = -math.inf
    assert "it began at 0.weight; lower" in refused(network)


def test_low_precision_is_a_likely_cause():
    assert refused(quantized(), precision="bfloat16").endswith("lower the learning rate or set precision to float32")


@pytest.mark.parametrize(
    ("losses", "penalties", "is_penalty"),
    [
        ((1.0, 2.0, math.nan), (0.1, 0.1, math.nan), True),
        ((1.0, math.nan, math.nan), (0.1, 0.1, math.nan), False),  # the weights broke, and alpha after them
        ((1.0, 2.0, math.nan), (), False),
        ((1.0, 2.0, math.nan, math.nan), (math.nan, math.nan), True),  # after a warm-up
    ],
)
def test_a_penalty_that_broke_first_is_named(losses, penalties, is_penalty):
    told = refused(quantized(), losses, penalties)
    assert ("a penalty of the regularizers was the first value that was not finite" in told) == is_penalty
    assert f"at step {10 - len(losses) + 1 + [math.isfinite(loss) for loss in losses].index(False)}:" in told
