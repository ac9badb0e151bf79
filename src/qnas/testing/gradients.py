"""Gradients: whether training can reach what it is to move."""

from collections.abc import Callable

import torch
from torch import Tensor, nn


def assert_gradients(module: nn.Module, run: Callable[[], Tensor]) -> None:
    """Every parameter of ``module`` gets a finite gradient from what ``run`` returns."""
    module.zero_grad()
    output = run()
    (output * torch.rand_like(output)).sum().backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, f"no gradient reaches {name}"
        assert parameter.grad.isfinite().all(), f"the gradient of {name} is not finite"


def assert_repeatable(module: nn.Module, run: Callable[[], Tensor]) -> None:
    """In evaluation, ``run`` returns the same again."""
    module.eval()
    with torch.no_grad():
        first, second = run(), run()
    assert torch.equal(first, second), "in evaluation it does not give the same again"
