"""A search that moves alpha and the weights by the gradients of one loss."""

import json
import math
import warnings

import pytest
import torch

from qnas.core.components import Quantizer, Regularizer
from qnas.core.errors import QnasError
from qnas.core.files.state import from_bytes, to_bytes
from qnas.core.search.searcher import Searcher
from qnas.core.training.machine import Machine
from qnas.plugins.searchers.updates import JointSearch
from qnas.testing import check_searcher


def joint(task, **fields) -> JointSearch:
    given = {"steps": 6, "epochs": 3, "batch": 2, "alpha_learning_rate": 0.05, **fields}
    search = Searcher.of({"name": "differentiable", "update": "joint", **given}).begin(task)
    assert isinstance(search, JointSearch)
    with torch.no_grad():
        search.supernet.alpha.copy_(torch.linspace(-0.5, 0.5, search.supernet.alpha.numel()).view_as(search.start))
    return search


def state_of(search) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in search.supernet.state_dict().items()}


def differing(one, other) -> set[str]:
    return {name for name in one if not torch.equal(one[name], other[name])}


def test_it_meets_the_contract_of_searchers():
    check_searcher({"name": "differentiable", "update": "joint", "steps": 2, "epochs": 1, "batch": 2})


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize(("quantizer", "form"), [("noise", "merged"), ("noise", "plain"), ("lsq", "merged")])
def test_both_follow_the_gradients_of_one_batch(make_task, regularizers, quantizer, form, precision):
    """Taken apart by hand: the whole objective with respect to alpha, the loss alone with respect to the weights."""
    machine = Machine(torch.device("cpu"), precision)
    task = make_task(regularizers=regularizers, search_quantizer=Quantizer.of(quantizer), machine=machine)
    search = joint(task, form=form, clip=1e9)
    supernet, batch = search.supernet, task.sampler(task.images.training, 2, "search").draw()
    torch.manual_seed(1)
    shares = (supernet.alpha.masked_fill(~supernet.mask, -math.inf) / search._temperature(5)).softmax(dim=1)
    with machine.autocast():
        enlarged = supernet(batch.lr, shares)
    loss = (enlarged.float() - batch.hr).abs().mean()
    penalties = task.penalty(supernet.alpha, shares, start=search.start, epoch=2, epochs=3)
    of_loss = torch.autograd.grad(loss, supernet.weights(), retain_graph=True, allow_unused=True)
    (of_all,) = torch.autograd.grad(loss + penalties, supernet.alpha)

    torch.manual_seed(1)
    told = search.iterate(5, epoch=2)
    torch.testing.assert_close(told, loss.detach())
    torch.testing.assert_close(supernet.alpha.grad, of_all)
    for parameter, gradient in zip(supernet.weights(), of_loss, strict=True):
        if gradient is not None:
            # The loss's own gradient is laid out differently from that of the mean: in bfloat16 sums round differently.
            tolerance = 1e-5 if precision == "float32" else 0.02 * float(gradient.abs().max())
            torch.testing.assert_close(parameter.grad, gradient, rtol=1e-4, atol=tolerance)


def test_penalties_do_not_reach_the_weights(make_task, regularizers):
    after = []
    for given in ({}, regularizers):
        search = joint(make_task(regularizers=given))
        search.iterate(5, epoch=2)
        after.append(state_of(search))
    assert differing(*after) == {"alpha"}


def test_in_the_warm_up_alpha_stands_still(make_task, regularizers):
    search = joint(make_task(regularizers=regularizers), warmup=1)
    before = state_of(search)
    search.iterate(2, epoch=0)
    moved = differing(before, state_of(search))
    assert moved and "alpha" not in moved
    assert search.supernet.alpha.grad is None and not search.penalties
    search.iterate(3, epoch=1)
    assert "alpha" in differing(before, state_of(search))


def test_batches_come_from_both_halves_but_not_from_what_is_held_out(make_task):
    task = make_task()
    (batches,) = joint(task).samplers
    assert batches.pairs == [*task.images.weights, *task.images.architecture]
    assert not {pair.name for pair in batches.pairs} & {pair.name for pair in task.images.validation}


@pytest.mark.slow
def test_it_goes_on_where_it_was(make_task, regularizers):
    """After step 3, in the middle of the first epoch that moves alpha. Gumbel noise makes every step random."""
    fields = {"warmup": 1, "relaxation": "gumbel", "on_divergence": "lower-rate"}
    states = {}

    def keep(step):
        states[step] = to_bytes(search.state_dict()), torch.get_rng_state()

    with warnings.catch_warnings(action="ignore"):  # so few steps that it may find the cheapest
        search = joint(make_task(regularizers=regularizers), **fields)
        search.go_on(6, keep)
        again = joint(make_task(regularizers=regularizers), **fields)
        state, generator = states[3]
        again.load_state_dict(from_bytes(state))
        torch.set_rng_state(generator)
        again.go_on(6, lambda _: None)
    assert to_bytes(again.state_dict()) == states[6][0]


def test_a_loss_and_a_penalty_that_are_no_numbers_stop_it(make_task, regularizers, monkeypatch):
    search = joint(make_task())
    with torch.no_grad():
        search.supernet.weights()[0].fill_(math.nan)
    with pytest.raises(QnasError, match="the loss is nan at step 1: lower the learning rate"):
        search.run()
    kind = type(regularizers["entropy"])
    monkeypatch.setattr(kind, "penalty", lambda self, state: state.probabilities.sum() * math.nan)
    with pytest.raises(QnasError, match="a penalty of the regularizers was the first value"):
        joint(make_task(regularizers=regularizers)).run()


def test_a_price_alone_decides_for_the_cheapest(make_task):
    dear = {"cost": Regularizer.of({"name": "cost", "weight": 1e4})}
    task = make_task(regularizers=dear)
    with pytest.warns(UserWarning, match="found the cheapest network of the space"):
        outcome = joint(task, alpha_learning_rate=1.0).run()
    bitops = task.prices[dear["cost"].cost]
    assert float(bitops.expected(task.rows(outcome.best.candidates()))) == bitops.lowest
    (*_, last) = task.journal.folder.history("search")
    assert json.loads(json.dumps(last["entropy"])) < 0.5 * outcome.details["entropy_at_start"]
