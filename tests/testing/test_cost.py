"""The contract of costs: each way to break it is reported."""

import itertools
from typing import ClassVar

import pytest

from qnas.core.components import Cost
from qnas.testing import check_cost


class Weighted(Cost):
    """Meets the contract."""

    def of_convolution(self, convolution):
        return convolution.weights * convolution.weight_bits


class Fractional(Cost):
    def of_convolution(self, convolution):
        return convolution.weights * convolution.weight_bits / 8


class Logical(Cost):
    def of_convolution(self, convolution):
        return convolution.weight_bits > 2


class Negative(Cost):
    def of_convolution(self, convolution):
        return convolution.weights - 1000


class Falling(Cost):
    def of_convolution(self, convolution):
        return convolution.weights * (64 - convolution.activation_bits)


class Free(Cost):
    def of_convolution(self, convolution):
        return 0


class Forgetful(Cost):
    calls: ClassVar = itertools.count()

    def of_convolution(self, convolution):
        return next(self.calls)


class Crashing(Cost):
    def of_convolution(self, convolution):
        return convolution.weight_bits // (convolution.weight_bits != 8)


class Placed(Cost):
    def of_convolution(self, convolution):
        return convolution.weights * len(convolution.path)


class Owing(Cost):
    def of_convolution(self, convolution):
        return convolution.weights

    def of_rest(self, part):
        return -len(part.convolutions)


class Halved(Weighted):
    def of_candidate(self, part):
        return super().of_candidate(part) / 2


class Needing(Weighted):
    always = True
    table: str


def test_one_that_keeps_it_passes(registered):
    check_cost(registered(Weighted))


@pytest.mark.parametrize(
    ("component", "message"),
    [
        (Fractional, r"^the cost 'fractional': for ConvolutionShape\(.*it costs \d+\.\d, which is not an int$"),
        (Logical, r"weight_bits=2, .*it costs False, which is not an int$"),
        (Negative, r"it costs -\d+, which is negative$"),
        (Falling, r"activation_bits=4, .*: it costs \d+, less than \d+ with fewer bits"),
        (Free, "^the cost 'free': no convolution costs anything$"),
        (Forgetful, "it costs 0, but 1 at the next call"),
        (Placed, "^the cost 'placed': it costs another price at another path, for Conv"),
        (Owing, r"^the cost 'owing': outside the slots, for Part\(.*: it costs -1, which is negative$"),
        (Halved, r"^the cost 'halved': as a candidate, for Part\(.*it costs \d+\.\d, which is not an int$"),
        (Crashing, "weight_bits=8, .*: ZeroDivisionError"),
    ],
)
def test_what_breaks_it_is_told(registered, component, message):
    with pytest.raises(AssertionError, match=message):
        check_cost(registered(component))


def test_one_that_is_always_counted_needs_no_fields(registered):
    with pytest.raises(AssertionError, match="it is always counted, but can't be made without fields"):
        check_cost({"name": registered(Needing), "table": "a"})
