"""The contract of costs."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from qnas.core.components import ConvolutionShape, Cost, Part
from qnas.core.settings import FLOAT_BITS
from qnas.testing.contract import contract
from qnas.testing.failure import told_as

P = TypeVar("P", ConvolutionShape, Part)
_KERNELS = ((1, 1), (3, 3), (5, 1))
_GROUPS = (1, 6)
_SIZES = ((1, 1), (17, 22), (2160, 3840))
_BITS = (2, 4, 8, 16, FLOAT_BITS)


def check_cost(reference: Cost | str | Mapping[str, Any]) -> None:
    """Check that a cost meets its contract, for convolutions of many shapes at many widths.

    A price is an integer, never negative, and the same at every call and at every path. More bits never cost less, and
    some convolutions cost more than 0. So it is for whole candidates, and for what lies outside the slots, which may
    cost nothing. One that is always counted needs no fields.

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
        for shape in [*shapes, *_others(shapes[-1])]:
            _check_widths(cost.of_convolution, shape)
            assert cost.of_convolution(replace(shape, path="tail")) == cost.of_convolution(shape), (
                f"it costs another price at another path, for {shape}"
            )
        assert any(map(cost.of_convolution, shapes)), "no convolution costs anything"
        _check_parts(cost, shapes[-1])
        if cost.always:
            with told_as("it is always counted, but can't be made without fields"):
                Cost.of(cost.registered_name())


def _others(shape: ConvolutionShape) -> list[ConvolutionShape]:
    """The same, but strided, dilated and transposed."""
    return [replace(shape, stride=(2, 2)), replace(shape, dilation=(2, 1)), replace(shape, transposed=True)]


def _check_parts(cost: Cost, shape: ConvolutionShape) -> None:
    chain = (shape, replace(shape, path="body.1", repeated=True))
    for what, price in (("as a candidate", cost.of_candidate), ("outside the slots", cost.of_rest)):
        for part in (Part(), Part(chain[:1]), Part(chain), Part(chain, steps=14, others=3)):
            with told_as(f"{what}, for {part}"):
                _price(price, part)


def _check_widths(price_of: Callable[[ConvolutionShape], int], shape: ConvolutionShape) -> None:
    by_weights = [replace(shape, weight_bits=bits) for bits in _BITS]
    by_activations = [replace(shape, activation_bits=bits) for bits in _BITS]
    for row in (by_weights, by_activations):
        before = 0
        for wider in row:
            with told_as(f"for {wider}"):
                price = _price(price_of, wider)
                assert price >= before, f"it costs {price}, less than {before} with fewer bits"
            before = price


def _price(price_of: Callable[[P], int], priced: P) -> int:
    price: object = price_of(priced)
    assert isinstance(price, int) and not isinstance(price, bool), f"it costs {price!r}, which is not an int"
    assert price >= 0, f"it costs {price}, which is negative"
    again = price_of(priced)
    assert again == price, f"it costs {price}, but {again} at the next call"
    return price
