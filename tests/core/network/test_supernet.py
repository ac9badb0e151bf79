import pytest
import torch
from torch import nn

from qnas.core.components import FakeQuantizer, Quantizer, Space
from qnas.core.network import Supernet, slot_candidates
from qnas.core.network.calibration import calibrate
from qnas.core.training.optimizer import adam

SPACE = Space.of(
    {
        "name": "basic",
        "channels": 6,
        "cells": 1,
        "bits": [[4, 8], 4, 2],
        "operations": {"body": ["conv3x3", "conv5x1-1x5", "growth3x3", "identity"], "skip": ["identity"]},
    }
)
IMAGE = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def supernet(quantizer="lsq", form="merged"):
    torch.manual_seed(0)
    made = Supernet(SPACE, 2, Quantizer.of(quantizer), form)
    calibrate(made.eval(), lambda: made(IMAGE, made.probabilities()))
    return made


def trained(made, steps=2):
    """A few steps on all parameters, as in a search."""
    optimizer = adam(made, 1e-2)
    for _ in range(steps):
        loss = (made.train()(IMAGE, made.probabilities()) - 0.3).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return optimizer


def test_slots_and_candidates_are_those_of_the_space():
    made = supernet()
    assert made.candidates == slot_candidates(SPACE, 2)
    assert made.alpha.shape == (8, 5 * 3)
    assert made.mask.sum(dim=1).tolist() == [len(options) for options in made.candidates.values()]


def test_probabilities_are_a_softmax_over_each_slots_own_candidates():
    made = supernet()
    nn.init.normal_(made.alpha, generator=torch.Generator().manual_seed(1))
    rows = made.probabilities()
    for row, alpha, options in zip(rows, made.alpha, made.candidates.values(), strict=True):
        exponentials = alpha[: len(options)].exp()
        torch.testing.assert_close(row[: len(options)], exponentials / exponentials.sum())
        assert (row[len(options) :] == 0).all()


@pytest.mark.parametrize("form", ["merged", "plain"])
@pytest.mark.parametrize("quantizer", ["lsq", "hwgq", "noise"])
def test_calibrated_supernet_is_finite_and_deterministic_in_evaluation_at_any_one_hot(form, quantizer, choose):
    made = supernet(quantizer, form)
    for seed in range(3):
        rows = made.one_hot(choose(made.candidates, seed))
        output = made(IMAGE, rows)
        assert output.shape == (2, 3, 16, 16)
        assert output.isfinite().all()
        assert torch.equal(made(IMAGE, rows), output)


@pytest.mark.parametrize("quantizer", ["none", "noise"])
def test_both_forms_are_one_function(quantizer):
    merged, plain = supernet(quantizer).double(), supernet(quantizer, "plain").double()
    nn.init.normal_(merged.alpha, generator=torch.Generator().manual_seed(2))
    plain.load_state_dict(merged.state_dict())
    outputs = [made(IMAGE.double(), made.probabilities()) for made in (merged, plain)]
    torch.testing.assert_close(*outputs, rtol=1e-9, atol=1e-9)
    direction = torch.randn(outputs[0].shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    gradients = [
        torch.autograd.grad((o * direction).sum(), list(made.parameters()))
        for o, made in zip(outputs, (merged, plain), strict=True)
    ]
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-7, atol=1e-7)


def test_noise_is_drawn_in_training_only():
    made = supernet("noise")
    rows = made.probabilities().detach()
    assert torch.equal(made.eval()(IMAGE, rows), made(IMAGE, rows))
    assert not torch.equal(made.train()(IMAGE, rows), made(IMAGE, rows))


def test_every_quantizers_step_is_among_the_weights_and_is_trained_and_saved():
    made = supernet("lsq")
    quantizers = [m for m in made.modules() if isinstance(m, FakeQuantizer)]
    parameters = {id(p) for q in quantizers for p in q.parameters()}
    assert len(parameters) == len(quantizers) > 50
    assert parameters <= {id(p) for p in made.weights()}
    saved = {value.data_ptr() for value in made.state_dict().values()}
    assert all(p.data_ptr() in saved for q in quantizers for p in q.parameters())
    before = [q.grid().step.clone() for q in quantizers]
    trained(made)
    assert all((q.grid().step != old).any() for q, old in zip(quantizers, before, strict=True))


def test_weights_are_all_parameters_but_alpha():
    made = supernet()
    assert all(weight is not made.alpha for weight in made.weights())
    assert len(made.weights()) == len(list(made.parameters())) - 1


@pytest.mark.parametrize("quantizer", ["lsq", "noise", "hwgq"])
def test_nothing_replaces_a_parameter_once_an_optimizer_holds_it(quantizer):
    made = supernet(quantizer)
    held = [p for group in trained(made).param_groups for p in group["params"]]
    made.to(memory_format=torch.channels_last)
    calibrate(made.eval(), lambda: made(IMAGE, made.probabilities()))
    made.load_state_dict(made.state_dict())
    made.train()(IMAGE, made.one_hot(made.best()))
    assert {id(p) for p in made.parameters()} == {id(p) for p in held}


def test_state_is_saved_and_restored_bit_for_bit():
    made = supernet("lsq")
    trained(made)
    restored = Supernet(SPACE, 2, Quantizer.of("lsq"))
    restored.load_state_dict(made.state_dict())
    rows = made.probabilities().detach()
    assert torch.equal(restored.probabilities(), rows)
    assert torch.equal(restored.eval()(IMAGE, rows), made.eval()(IMAGE, rows))


def test_best_is_the_largest_even_where_all_alphas_are_negative():
    made = supernet()
    with torch.no_grad():
        made.alpha.fill_(-9.0)
        for index, options in enumerate(made.candidates.values()):
            made.alpha[index, len(options) - 1] = -2.0
            made.alpha[index, len(options) :] = 5.0  # padding, whatever its value
    assert made.best() == {path: options[-1] for path, options in made.candidates.items()}


@pytest.mark.parametrize("seed", range(5))
def test_best_is_the_argmax_over_operations_and_widths_together(seed):
    made = supernet()
    nn.init.normal_(made.alpha, mean=-3, generator=torch.Generator().manual_seed(seed))
    for (path, best), alpha in zip(made.best().items(), made.alpha.tolist(), strict=True):
        options = made.candidates[path]
        assert best == max(zip(alpha[: len(options)], options, strict=True), key=lambda pair: pair[0])[1]


def test_ties_and_near_ties_are_reported_with_both_candidates():
    made = supernet()
    with torch.no_grad():
        made.alpha.fill_(-30.0)
        made.alpha[:, 0] = 0.0
        made.alpha[1, 3] = -0.01
        made.alpha[2, 4] = 0.5
    (tie,) = made.ties(0.05)
    options = made.candidates["head.1"]
    assert tie.slot == "head.1"
    assert (tie.first, tie.second) == (options[0].label, options[3].label)
    p = 1 / (1 + torch.tensor(-0.01).exp().item())
    assert tie.margin == pytest.approx(2 * p - 1, abs=1e-6)
    assert {t.slot for t in made.ties(0.5)} == {"head.1", "body.0.body.chain.0"}


def test_all_slots_with_a_choice_are_ties_at_the_start():
    made = supernet()
    assert {tie.slot for tie in made.ties(0.05)} == {path for path, c in made.candidates.items() if len(c) > 1}


def test_one_hot_puts_one_at_each_choice(choose):
    made = supernet()
    chosen = choose(made.candidates, 4)
    rows = made.one_hot(chosen)
    assert rows.sum(dim=1).tolist() == [1.0] * len(chosen)
    for row, (path, candidate) in zip(rows, chosen.items(), strict=True):
        assert made.candidates[path][row.argmax()] == candidate


def test_gradients_reach_alpha_and_every_weight():
    made = supernet("noise").train()
    made(IMAGE, made.probabilities()).square().sum().backward()
    for parameter in made.parameters():
        assert parameter.grad.isfinite().all()
    several = made.mask.sum(dim=1) > 1
    assert (made.alpha.grad[several] != 0).any(dim=1).all()
    assert (made.alpha.grad[~made.mask] == 0).all()
    for module in made.modules():
        if isinstance(module, nn.Conv2d):
            assert (module.weight.grad != 0).any()
