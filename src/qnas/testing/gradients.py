"""Gradients: whether training can reach what it is to move."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

_START = 0.1


def assert_gradients(module: nn.Module, run: Callable[[], Tensor], **inputs: Tensor) -> None:
    """Every parameter of ``module``, and every one of its inputs, gets a finite gradient from what ``run`` returns."""
    module.zero_grad()
    output = run()
    assert output.requires_grad, "no gradient passes through it"
    (output * torch.rand_like(output)).sum().backward()
    for name, tensor in [*module.named_parameters(), *((f"its {name}", given) for name, given in inputs.items())]:
        assert tensor.grad is not None, f"no gradient reaches {name}"
        assert tensor.grad.isfinite().all(), f"the gradient of {name} is not finite"


def assert_reached(module: nn.Module, features: Tensor) -> None:
    """Every parameter of ``module``, and ``features``, which it is given, gets a gradient that is not all zeros.

    Parameters that start at zero are moved first, as they hide what is behind them.
    """
    with torch.no_grad():
        for parameter in module.parameters():
            if not parameter.any():
                parameter.normal_(std=_START)
    given = features.clone().requires_grad_()
    assert_gradients(module, lambda: module(given), input=given)
    for name, tensor in [*module.named_parameters(), ("its input", given)]:
        assert tensor.grad is not None and tensor.grad.any(), f"the gradient of {name} is zero"


def assert_repeatable(module: nn.Module, run: Callable[[], Tensor]) -> None:
    """In evaluation, ``run`` returns the same again."""
    module.eval()
    with torch.no_grad():
        first, second = run(), run()
    assert torch.equal(first, second), "in evaluation it does not give the same again"
