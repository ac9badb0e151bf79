import pytest
import torch

from qnas.plugins.searchers.relaxation import relax

RELAXATIONS = ["softmax", "gumbel", "gumbel-hard"]
every_relaxation = pytest.mark.parametrize("relaxation", RELAXATIONS)


def logits():
    """Three slots of 5, 3 and 1 candidates, and a mask of the candidates."""
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2, [True] + [False] * 4])
    alpha = torch.randn(3, 5, generator=torch.Generator().manual_seed(0)).requires_grad_()
    return alpha, alpha.masked_fill(~mask, float("-inf")), mask


@every_relaxation
@pytest.mark.parametrize("temperature", [0.05, 1.0, 10.0])
def test_rows_sum_to_one_and_padding_stays_zero(relaxation, temperature):
    torch.manual_seed(1)
    _, masked, mask = logits()
    for _ in range(50):
        rows = relax(masked, relaxation, temperature)
        torch.testing.assert_close(rows.sum(dim=1), torch.ones(3))
        assert (rows >= 0).all()
        assert (rows[~mask] == 0).all()


@every_relaxation
def test_gradient_is_finite_reaches_every_choice_and_leaves_padding_alone(relaxation):
    torch.manual_seed(2)
    alpha, masked, mask = logits()
    weights = torch.arange(15.0).view(3, 5).square()
    (relax(masked, relaxation, 1.0) * weights).sum().backward()
    assert alpha.grad.isfinite().all()
    assert (alpha.grad[:2][mask[:2]] != 0).all()
    assert (alpha.grad[~mask] == 0).all()


def test_softmax_is_deterministic_and_divides_by_the_temperature():
    _, masked, _ = logits()
    rows = relax(masked, "softmax", 0.5)
    first = (masked[0] / 0.5).exp()
    torch.testing.assert_close(rows[0], first / first.sum())
    assert torch.equal(relax(masked, "softmax", 0.5), rows)


@pytest.mark.parametrize("relaxation", ["softmax", "gumbel"])
def test_a_lower_temperature_is_sharper(relaxation):
    _, masked, _ = logits()
    largest = []
    for temperature in (10.0, 1.0, 0.1):
        torch.manual_seed(3)
        rows = torch.stack([relax(masked, relaxation, temperature)[:2] for _ in range(100)])
        largest.append(rows.amax(dim=2).mean())
    assert largest[0] < largest[1] < largest[2]


def test_hard_is_one_hot_with_the_gradient_of_the_soft_sample():
    alpha, masked, _ = logits()
    weights = torch.randn(3, 5, generator=torch.Generator().manual_seed(4))
    gradients = []
    for relaxation in ("gumbel", "gumbel-hard"):
        torch.manual_seed(5)
        rows = relax(masked, relaxation, 0.7)
        gradients.append(torch.autograd.grad((rows * weights).sum(), alpha, retain_graph=True)[0])
        if relaxation == "gumbel":
            strongest = rows.argmax(dim=1)
    assert torch.equal(rows, torch.eye(5)[strongest])
    torch.testing.assert_close(*gradients)
    assert (gradients[1] != 0).any()


def test_gumbel_draws_each_candidate_with_its_softmax_probability():
    """The Gumbel-max trick: argmax of alpha + noise follows softmax(alpha), whatever the temperature."""
    torch.manual_seed(6)
    _, masked, _ = logits()
    draws = 4000
    frequency = sum(relax(masked, "gumbel-hard", 0.3).detach() for _ in range(draws)) / draws
    p = masked.softmax(dim=1).detach()
    assert ((frequency - p).abs() <= 5 * (p * (1 - p) / draws).sqrt() + 1e-6).all()


@pytest.mark.parametrize("relaxation", ["gumbel", "gumbel-hard"])
def test_torchs_seed_decides_the_sample(relaxation):
    _, masked, _ = logits()
    samples = []
    for seed in (7, 7, 8):
        torch.manual_seed(seed)
        samples.append(torch.stack([relax(masked, relaxation, 1.0) for _ in range(5)]))
    assert torch.equal(samples[0], samples[1])
    assert not torch.equal(samples[0], samples[2])
