"""Batch Norm as several processes compute it, by one of them: it is PyTorch's own."""

import pytest
import torch
from torch import nn

from qnas.core.training.together.batch_norm import BatchNormOverRanks


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("tracked", [True, False])
@pytest.mark.parametrize("shape", [(4, 5, 6, 7), (4, 5, 9), (8, 5)])
def test_it_is_pytorchs(affine: bool, tracked: bool, shape: tuple[int, ...]) -> None:
    kind = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d}[len(shape)]
    torch.manual_seed(0)
    features, weights = torch.randn(shape, dtype=torch.float64) * 2 + 3, torch.randn(shape, dtype=torch.float64)
    found = []
    for is_ours in (True, False):
        torch.manual_seed(1)
        norm = kind(shape[1], affine=affine, track_running_stats=tracked).double()
        for parameter in norm.parameters():
            nn.init.uniform_(parameter, 0.5, 2)
        given = features.clone().requires_grad_()
        if is_ours:
            with BatchNormOverRanks():
                output = norm(given)
        else:
            output = norm(given)
        (output.pow(3) * weights).sum().backward()
        assert given.grad is not None
        gradients = [parameter.grad for parameter in norm.parameters()]
        found.append([output.detach(), given.grad, *norm.buffers(), *gradients])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


def test_in_evaluation_it_uses_what_was_measured() -> None:
    norm = nn.BatchNorm2d(3).eval()
    features = torch.randn(2, 3, 4, 4)
    with BatchNormOverRanks():
        output = norm(features)
    torch.testing.assert_close(output, norm(features), rtol=0, atol=0)
