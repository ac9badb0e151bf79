"""Gradients: whether training can reach everything that it should change."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

_START = 0.1
_MORE_TRIES = 31  # most need only the first try, but a narrow attention usually lets nothing through


def assert_gradients(module: nn.Module, run: Callable[[], Tensor], **inputs: Tensor) -> None:
    """Every trained parameter and every input gets a finite gradient from what ``run`` returns."""
    module.zero_grad()
    output = run()
    assert output.requires_grad, "no gradient passes through it"
    (output * torch.rand_like(output)).sum().backward()
    for name, tensor in _moved(module, inputs):
        assert tensor.grad is not None, f"no gradient reaches {name}"
        assert tensor.grad.isfinite().all(), f"the gradient of {name} is not finite"


def assert_reached(make: Callable[[], nn.Module], draw: Callable[[], Tensor]) -> None:
    """Every parameter gets a gradient that is not all zeros, and so does the input if it requires one.

    A gradient may be all zeros by chance, behind a ReLU that lets nothing through, so other values are tried then.

    Args:
        make: Makes the module, with different parameters each time.
        draw: Draws its input.
    """
    unreached = _unreached(make(), draw())
    for _ in range(_MORE_TRIES):
        if unreached:
            again = _unreached(make(), draw())
            unreached = [name for name in unreached if name in again]
    assert not unreached, f"the gradient of {unreached[0]} is zero"


def _unreached(module: nn.Module, given: Tensor) -> list[str]:
    """What gets a gradient of zeros. Parameters that are all zeros hide what is behind them, so they are moved."""
    with torch.no_grad():
        for parameter in module.parameters():
            if not parameter.any():
                parameter.normal_(std=_START)
    inputs = {"input": given} if given.requires_grad else {}
    assert_gradients(module.train(), lambda: module(given), **inputs)
    return [name for name, tensor in _moved(module, inputs) if tensor.grad is None or not tensor.grad.any()]


def _moved(module: nn.Module, inputs: Mapping[str, Tensor]) -> list[tuple[str, Tensor]]:
    """What gradients have to reach, by name; frozen parameters are left out."""
    trained = [(name, parameter) for name, parameter in module.named_parameters() if parameter.requires_grad]
    return [*trained, *((f"its {name}", given) for name, given in inputs.items())]


def assert_repeatable(module: nn.Module, run: Callable[[], Tensor]) -> None:
    """In evaluation, ``run`` returns the same result twice."""
    module.eval()
    with torch.no_grad():
        first, second = run(), run()
    assert torch.equal(first, second), "in evaluation it is not deterministic"
