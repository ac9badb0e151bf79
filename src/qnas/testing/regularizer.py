"""The contract of regularizers."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from qnas.core.components import Quantizer, Regularizer
from qnas.core.network import Supernet, count_space
from qnas.core.search.objective import SearchProgress, penalty
from qnas.core.search.prices import Prices
from qnas.testing.contract import contract
from qnas.testing.counting import COUNTING
from qnas.testing.failure import told_as
from qnas.testing.small import SCALE, small_space

_EPOCHS = 8
_DECIDED = 200.0  # so far ahead of the others that their probabilities are zero


def check_regularizer(reference: Regularizer | str | Mapping[str, Any], *, seed: int = 0) -> None:
    """Check that a regularizer meets its contract, at several moments of a search.

    Its penalty is one finite number. The gradient of the architecture parameters is finite, and not zero at one moment
    at least. The loss is proportional to the weight, and zero without weight.

    Args:
        reference: A regularizer, its name, or a mapping of its name and fields.
        seed: Seed of the architecture parameters.

    Raises:
        AssertionError: It breaks its contract.
    """
    with contract(Regularizer.of, reference) as regularizer:
        moves = False
        for moment, state in _moments(seed):
            with told_as(moment):
                value: object = regularizer.penalty(state)
                assert isinstance(value, Tensor), f"its penalty is {value!r}, which is not a tensor"
                assert value.dim() == 0, f"its penalty has shape {tuple(value.shape)}, but must be a scalar"
                assert value.isfinite(), f"its penalty is {value.item()}"
                _check_weight(regularizer, state)
                moves |= _moves(value, state.alpha)
        assert moves, "its penalty never depends on the architecture parameters"


def _moments(seed: int) -> Iterator[tuple[str, SearchProgress]]:
    space = small_space()
    supernet = Supernet(space, SCALE, Quantizer.of("noise"))
    start = supernet.probabilities().detach()
    prices = Prices(count_space(space, SCALE, Quantizer.of(COUNTING)), torch.device("cpu"))

    def at(alpha: Tensor, epoch: int, epochs: int = _EPOCHS) -> SearchProgress:
        supernet.alpha = torch.nn.Parameter(alpha)
        return SearchProgress(supernet.alpha, supernet.probabilities(), start, epoch, epochs, prices)

    zeros, one_hot = torch.zeros_like(supernet.alpha), supernet.one_hot(supernet.best())
    drawn = torch.randn(zeros.shape, generator=torch.Generator().manual_seed(seed))
    yield "at the start of a search", at(zeros, 0)
    yield "in the middle of a search", at(drawn, _EPOCHS // 2)
    yield "at the end of a search", at(drawn, _EPOCHS - 1)
    yield "once everything is decided", at(_DECIDED * one_hot, _EPOCHS - 1)
    yield "in a search of one epoch", at(drawn, 0, epochs=1)
    yield "for a single network", SearchProgress(zeros, one_hot, start, _EPOCHS - 1, _EPOCHS, prices)


def _check_weight(regularizer: Regularizer, state: SearchProgress) -> None:
    written = regularizer.reference()
    fields = {"name": written} if isinstance(written, str) else written
    weights = (0.0, 0.25, 0.5)
    none, once, twice = (
        penalty({"it": Regularizer.of({**fields, "weight": weight})}, state).item() for weight in weights
    )
    assert none == 0, f"without weight it adds {none:.3g} to the loss"
    is_proportional = math.isclose(twice, 2 * once, rel_tol=1e-5, abs_tol=1e-12)
    assert is_proportional, f"with twice the weight it adds {twice:.5g} to the loss, not twice {once:.5g}"


def _moves(value: Tensor, alpha: Tensor) -> bool:
    """Whether the penalty changes with the architecture parameters."""
    if not (value.requires_grad and alpha.requires_grad):
        return False
    (gradient,) = torch.autograd.grad(value, [alpha], allow_unused=True)
    assert gradient is None or gradient.isfinite().all(), "the gradient of its penalty is not finite"
    return gradient is not None and bool(gradient.any())
