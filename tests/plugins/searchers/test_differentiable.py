import copy
import functools
import math
import warnings

import pytest
import torch

from qnas.core.components import Dataset, Degradation, Quantizer, Regularizer, Space
from qnas.core.images.loading import load_images
from qnas.core.run.images import split
from qnas.core.search.searcher import Searcher
from qnas.plugins.searchers.differentiable import DifferentiableSearch
from qnas.plugins.searchers.updates import AlternatingSearch


def settings(**fields) -> DifferentiableSearch:
    given = {"steps": 6, "epochs": 3, "batch": 2, "alpha_learning_rate": 0.05, **fields}
    return Searcher.of({"name": "differentiable", **given})


def snapshot(parameters):
    return [p.detach().clone() for p in parameters]


def moved(before, parameters) -> bool:
    return any(not torch.equal(old, new) for old, new in zip(before, parameters, strict=True))


def test_a_step_on_alpha_leaves_the_weights_alone(make_task, regularizers):
    search = AlternatingSearch(settings(), make_task(regularizers=regularizers))
    weights = snapshot(search.supernet.weights())
    alpha = search.supernet.alpha.detach().clone()
    search._alpha_step(search.alpha_batches.draw(), epoch=0, temperature=1.0)
    assert not moved(weights, search.supernet.weights())
    assert all(parameter.grad is None for parameter in search.supernet.weights())
    changed = (search.supernet.alpha != alpha)[search.supernet.mask]
    assert changed.float().mean() > 0.9


def test_a_step_on_the_weights_leaves_alpha_alone(make_task):
    search = AlternatingSearch(settings(), make_task())
    weights = snapshot(search.supernet.weights())
    search._weight_step(search.weight_batches.draw(), temperature=1.0)
    assert moved(weights, search.supernet.weights())
    assert not search.supernet.alpha.any()


@pytest.mark.parametrize("residual", ["batch-norm", "adq"])
@pytest.mark.parametrize("quantizer", ["lsq", "hwgq"])
def test_at_the_first_step_quantizers_fit_what_they_are_sent(make_task, quantizer, residual):
    """The error of a slot's quantizers on its input, and that of quantizers calibrated on it by hand."""
    space = Space.of({"name": "basic", "channels": 6, "cells": 2, "bits": [2, 4], "residual": residual})
    search = AlternatingSearch(settings(batch=8), make_task(space=space, search_quantizer=Quantizer.of(quantizer)))
    errors = {}

    def compare(by_hand, module, given):
        ours = copy.deepcopy(by_hand)
        ours.load_state_dict(module.state_dict())
        by_hand.observe(given[0])
        errors[module] = relative_error(ours, *given), relative_error(by_hand, *given)

    for slot in search.supernet.slots.values():
        for each in slot.activation.mixture.mixture.quantizers:
            each.register_forward_pre_hook(functools.partial(compare, copy.deepcopy(each).eval()))
    search.iterate(1, epoch=0)
    assert len(errors) == 2 * len(search.supernet.slots)
    assert all(ours < 1.1 * by_hand + 0.01 for ours, by_hand in errors.values())


@torch.no_grad()
def relative_error(quantizer, tensor) -> float:
    """As a share of its power."""
    return float((quantizer(tensor) - tensor).square().sum() / tensor.square().sum())


def test_before_the_first_step_no_running_statistic_has_moved(make_task):
    search = AlternatingSearch(settings(), make_task(search_quantizer=Quantizer.of("lsq")))
    assert search.supernet.training
    norms = [module for module in search.supernet.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert norms
    for norm in norms:
        assert not norm.running_mean.any()
        assert norm.running_var.eq(1).all()
        assert norm.num_batches_tracked == 0


def test_scalars_and_steps_may_have_rates_of_their_own(make_task):
    own = settings(scalar_learning_rate=0.03, step_learning_rate=0.002)
    search = AlternatingSearch(own, make_task(search_quantizer=Quantizer.of("lsq")))
    rates = {id(p): group["lr"] for group in search.optimizers[0].param_groups for p in group["params"]}
    found = {name: rates.get(id(p)) for name, p in search.supernet.named_parameters()}
    assert {rate for name, rate in found.items() if name.endswith((".slope", ".offset"))} == {0.03}
    assert {rate for name, rate in found.items() if name.endswith("log_step")} == {0.002}
    assert {rate for name, rate in found.items() if name.endswith((".weight", ".bias"))} == {0.001}
    assert found["alpha"] is None


def test_the_two_kinds_of_step_draw_from_different_images(make_task):
    task = make_task()
    search = AlternatingSearch(settings(), task)
    assert search.weight_batches.pairs == list(task.images.weights)
    assert search.alpha_batches.pairs == list(task.images.architecture)
    names = [{p.name for p in half} for half in (task.images.weights, task.images.architecture, task.images.validation)]
    assert not names[0] & names[1] and not names[0] & names[2] and not names[1] & names[2]


def test_alpha_is_frozen_in_the_warm_up_and_nothing_of_it_is_taken(make_task):
    search = AlternatingSearch(settings(warmup=2), make_task())
    for step in (1, 2, 3, 4):
        search.iterate(step, epoch=(step - 1) // 2)
    assert not search.supernet.alpha.any()
    search._judge(2, epoch=0, loss=0.1)
    assert search.best is None
    outcome = AlternatingSearch(settings(warmup=2), make_task()).run()
    assert outcome.details["best_epoch"] == 2


def test_the_best_is_that_of_the_lowest_objective(make_task, monkeypatch):
    search = AlternatingSearch(settings(), make_task())
    errors = iter([0.3, 0.1, 0.2])
    # Each epoch validates the supernet, then the network taken out of it.
    monkeypatch.setattr(
        type(search.task), "validate", lambda _, network: (20.0, next(errors)) if is_found(network) else (30.0, 0.0)
    )
    search.run()
    assert search.best.epoch == 1
    assert search.best.objective == 0.1
    assert search.best.supernet_psnr == 30.0


def is_found(network) -> bool:
    return type(network).__name__ != "Mixture"


@pytest.mark.parametrize("relaxation", ["softmax", "gumbel-hard"])
def test_slots_that_share_a_choice_are_found_alike(make_task, regularizers, relaxation):
    space = Space.of({"name": "basic", "channels": 6, "cells": 3, "shared": ["body.*"]})
    search = AlternatingSearch(settings(relaxation=relaxation), make_task(space=space, regularizers=regularizers))
    outcome = search.run()
    for found in (outcome.best.slots, outcome.last.slots):
        for name in ("chain.0", "chain.1", "skip"):
            assert len({found[f"body.{cell}.body.{name}"] for cell in range(3)}) == 1
    followers = [path.startswith(("body.1.", "body.2.")) for path in search.supernet.slots]
    assert not search.supernet.alpha[torch.tensor(followers)].any()
    assert not {tie.slot for tie in outcome.ties if tie.slot.startswith(("body.1.", "body.2."))}


def test_the_temperature_falls_geometrically(make_task):
    search = AlternatingSearch(settings(temperature=4.0, final_temperature=0.25), make_task())
    assert search._temperature(0) == 4.0
    assert search._temperature(3) == pytest.approx(1.0)
    assert search._temperature(6) == pytest.approx(0.25)


@pytest.mark.parametrize("relaxation", ["gumbel", "gumbel-hard"])
def test_penalties_are_on_the_distribution_not_on_what_was_drawn(make_task, regularizers, relaxation, monkeypatch):
    seen = []
    penalty = type(regularizers["entropy"]).penalty
    monkeypatch.setattr(
        type(regularizers["entropy"]), "penalty", lambda self, state: seen.append(state) or penalty(self, state)
    )
    search = AlternatingSearch(settings(relaxation=relaxation), make_task(regularizers=regularizers))
    search._alpha_step(search.alpha_batches.draw(), epoch=0, temperature=0.5)
    torch.testing.assert_close(seen[0].probabilities, search.start)  # alpha was zero: all alike


def test_judging_uses_the_temperature_of_the_moment(make_task):
    search = AlternatingSearch(settings(temperature=0.1, final_temperature=0.1), make_task())
    with torch.no_grad():
        search.supernet.alpha[:, 0] = 1.0
    search._judge(6, epoch=2, loss=0.1)
    record = list(search.task.journal.folder.history("search"))[-1]
    for probabilities in record["probabilities"].values():
        first, *others = probabilities.values()
        assert first == pytest.approx(1 / (1 + len(others) * math.exp(-10)), rel=1e-5)
    assert search.best.ties == []


def test_one_network_is_priced_by_its_cost_alone(make_task, regularizers):
    search = AlternatingSearch(settings(), make_task(regularizers=regularizers))
    with torch.no_grad():
        search.supernet.alpha.normal_()
    chosen = search.supernet.best()
    table = search.task.prices[regularizers["cost"].cost]
    share = table.expected(search.supernet.one_hot(chosen)) / table.expected(search.start)
    assert search._objective(0.0, chosen) == pytest.approx(0.1 * float(share))


def test_a_loss_that_is_no_number_stops_the_search(make_task):
    from qnas.core.errors import QnasError

    search = AlternatingSearch(settings(), make_task())
    with torch.no_grad():
        search.supernet.weights()[0].fill_(math.nan)
    with pytest.raises(QnasError, match="the loss is nan at step 1: lower the learning rate"):
        search.run()


def test_weight_decay_spares_what_quantizers_learn(make_task):
    from qnas.core.components import FakeQuantizer

    search = AlternatingSearch(settings(weight_decay=0.1), make_task(search_quantizer=Quantizer.of("lsq")))
    decay = {id(p): group["weight_decay"] for group in search.optimizers[0].param_groups for p in group["params"]}
    steps = {id(p) for m in search.supernet.modules() if isinstance(m, FakeQuantizer) for p in m.parameters()}
    assert {decay[i] for i in steps} == {0}
    assert {decay[id(p)] for p in search.supernet.weights() if id(p) not in steps} == {0.1}
    assert id(search.supernet.alpha) not in decay


def test_a_search_that_took_the_cheapest_of_everything_says_so(make_task):
    dear = {"cost": Regularizer.of({"name": "cost", "weight": 1e4})}
    with pytest.warns(UserWarning, match="found the cheapest network of the space: .* lower the weight of the cost"):
        AlternatingSearch(settings(alpha_learning_rate=1.0), make_task(regularizers=dear)).run()


def test_a_search_that_weighed_more_than_the_price_says_nothing_of_it(make_task):
    free = {"cost": Regularizer.of({"name": "cost", "weight": 0.0})}
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        AlternatingSearch(settings(), make_task(regularizers=free)).run()
    assert not [str(one.message) for one in told if "network of the space" in str(one.message)]


def test_a_search_that_has_decided_early_says_so_once(make_task):
    task = make_task()
    search = AlternatingSearch(settings(steps=8, epochs=8), task)
    with torch.no_grad():
        search.supernet.alpha[:, 0] = 20.0
    with pytest.warns(UserWarning, match="all but decided after 1 of 8 epochs.*lower search.alpha_learning_rate"):
        search._judge(1, epoch=0, loss=0.1)
    with warnings.catch_warnings(action="error"):
        search._judge(2, epoch=1, loss=0.1)
        late = AlternatingSearch(settings(steps=8, epochs=8, warmup=4), task)
        with torch.no_grad():
            late.supernet.alpha[:, 0] = 20.0
        late._judge(4, epoch=3, loss=0.1)  # alpha has not moved yet
        late._judge(6, epoch=5, loss=0.1)  # in the middle


@pytest.mark.parametrize(("steps", "epochs"), [(7, 3), (6, 6), (10, 4), (5, 1), (2000, 20), (17, 16)])
def test_every_step_is_in_the_epoch_that_ends_at_or_after_it(make_task, steps, epochs):
    search = AlternatingSearch(settings(steps=steps, epochs=epochs), make_task())
    ends = [steps * (epoch + 1) // epochs for epoch in range(epochs)]
    for step in range(1, steps + 1):
        epoch = next(index for index, end in enumerate(ends) if end >= step)
        assert search._epoch(step) == (epoch, step in ends)


def test_a_penalty_that_is_no_number_is_told_as_the_cause(make_task, regularizers, monkeypatch):
    from qnas.core.errors import QnasError

    kind = type(regularizers["entropy"])
    monkeypatch.setattr(kind, "penalty", lambda self, state: state.probabilities.sum() * math.nan)
    search = AlternatingSearch(settings(), make_task(regularizers=regularizers))
    with pytest.raises(QnasError, match="the loss is nan at step 1: a penalty of the regularizers was the first value"):
        search.run()


@pytest.mark.slow
def test_out_of_an_undecided_search_comes_a_network_nearly_as_good_as_the_mixture(make_task):
    """With the statistics of the mixture it would be 3 dB worse than that."""
    operations = {"body": ["conv3x3", "conv5x5", "conv1x1"], "skip": ["conv1x1", "conv3x3"], "tail": ["conv1x1"]}
    fields = {
        "channels": 8,
        "cells": 3,
        "bits": [8],
        "operations": {"head": ["native"], "upsample": ["native"], **operations},
    }
    space = Space.of({"name": "basic", "residual": "adq", "image_residual": "bicubic", **fields})
    pairs = load_images(Dataset.of({"name": "dead-leaves", "amount": 16, "size": 64}), 2, Degradation.of("matlab"))
    task = make_task(space=space, images=split(pairs, 4, 0), patch=16)
    plain = {"steps": 120, "epochs": 1, "batch": 4, "learning_rate": 4e-3, "alpha_learning_rate": 3e-4}
    outcome = AlternatingSearch(settings(**plain), task).run()
    *_, record = task.journal.folder.history("search")
    assert record["entropy"] > 0.95 * outcome.details["entropy_at_start"]
    assert record["psnr"] > record["supernet_psnr"] - 1
