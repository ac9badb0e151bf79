"""The contract of costs."""

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from qnas.core.components import ConvolutionShape, Cost
from qnas.core.settings import FLOAT_BITS
from qnas.testing.contract import contract
from qnas.testing.failure import told_as

_KERNELS = ((1, 1), (3, 3), (5, 1))
_GROUPS = (1, 6)
_SIZES = ((1, 1), (17, 22), (2160, 3840))
_BITS = (2, 4, 8, 16, FLOAT_BITS)


def check_cost(reference: Cost | str | Mapping[str, Any]) -> None:
    """Check that a cost meets its contract, for convolutions of many shapes at many widths.

    It is an integer, never negative, and the same at every call. More bits never cost less, and some convolutions cost
    more than 0.

    Args:
        reference: A cost, its name, or a mapping of its name and fields.

    Raises:
        AssertionError: It breaks its contract.
    """
    with contract(Cost.of, reference) as cost:
        shapes = [
            ConvolutionShape("body.0", 12, 24, kernel, groups, size, bias, 2, 2, repeated, images)
            for kernel, groups, size, bias, repeated, images in itertools.product(
                _KERNELS, _GROUPS, _SIZES, (True, False), (True, False), (1, 4)
            )
        ]
        for shape in shapes:
            _check_widths(cost, shape)
        assert any(map(cost.of_convolution, shapes)), "no convolution costs anything"


def _check_widths(cost: Cost, shape: ConvolutionShape) -> None:
    by_weights = [replace(shape, weight_bits=bits) for bits in _BITS]
    by_activations = [replace(shape, activation_bits=bits) for bits in _BITS]
    for row in (by_weights, by_activations):
        before = 0
        for wider in row:
            with told_as(f"for {wider}"):
                price = _price(cost, wider)
                assert price >= before, f"it costs {price}, less than {before} with fewer bits"
            before = price


def _price(cost: Cost, shape: ConvolutionShape) -> int:
    price: object = cost.of_convolution(shape)
    assert isinstance(price, int) and not isinstance(price, bool), f"it costs {price!r}, which is not an int"
    assert price >= 0, f"it costs {price}, which is negative"
    again = cost.of_convolution(shape)
    assert again == price, f"it costs {price}, but {again} at the next call"
    return price
