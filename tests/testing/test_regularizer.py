"""The contract of regularizers: each way to break it is reported."""

import pytest
from pydantic import PositiveFloat

from qnas.core.components import Regularizer
from qnas.testing import check_regularizer


class Squares(Regularizer):
    """Meets the contract."""

    def penalty(self, state):
        return state.probabilities.square().sum() * (state.epoch + 1)


class Late(Regularizer):
    """Meets the contract: it does nothing until the end of a search."""

    def penalty(self, state):
        if state.epoch < state.epochs - 1:
            return state.alpha.new_zeros(())
        return state.alpha.abs().sum()


class Constant(Regularizer):
    def penalty(self, state):
        return state.alpha.detach().abs().sum()


class Vanishing(Regularizer):
    def penalty(self, state):
        return 0 * state.alpha.sum()


class Logarithmic(Regularizer):
    """Entropy that does not handle zeros."""

    def penalty(self, state):
        return -(state.probabilities * state.probabilities.log()).sum()


class Rooted(Regularizer):
    """Its value is finite, its gradient at zero is not."""

    def penalty(self, state):
        return state.alpha.square().sum().sqrt()


class PerSlot(Regularizer):
    def penalty(self, state):
        return state.probabilities.square().sum(dim=1)


class Number(Regularizer):
    def penalty(self, state):
        return state.alpha.sum().item()


class Weighted(Regularizer):
    def penalty(self, state):
        return self.weight * state.probabilities.square().sum()


class Weightless(Regularizer):
    weight: PositiveFloat = 1.0

    def penalty(self, state):
        return state.alpha.abs().sum()


class Ramped(Regularizer):
    def penalty(self, state):
        return state.alpha.abs().sum() * (state.epoch / (state.epochs - 1))


@pytest.mark.parametrize("component", [Squares, Late])
def test_one_that_keeps_it_passes(registered, component):
    check_regularizer(registered(component))


@pytest.mark.parametrize(
    ("component", "message"),
    [
        (Constant, "its penalty never depends on the architecture parameters"),
        (Vanishing, "its penalty never depends on the architecture parameters"),
        (Logarithmic, "its penalty is nan"),
        (Rooted, "at the start of a search: the gradient of its penalty is not finite"),
        (PerSlot, r"its penalty has shape \(8,\), but must be a scalar"),
        (Number, "its penalty is 0.0, which is not a tensor"),
        (Weighted, "with twice the weight it adds .* to the loss, not twice"),
        (Weightless, "at the start of a search: weight: Input should be greater than 0"),
        (Ramped, "^the regularizer 'ramped': in a search of one epoch: ZeroDivisionError"),
    ],
)
def test_what_breaks_it_is_told(registered, component, message):
    with pytest.raises(AssertionError, match=message):
        check_regularizer(registered(component))
