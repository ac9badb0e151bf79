"""The total cost of convolutions."""

from collections.abc import Iterable

from qnas.core.components import ConvolutionShape, Cost


def total(cost: str, shapes: Iterable[ConvolutionShape]) -> int:
    """The sum of a registered cost over these convolutions."""
    return sum(map(Cost.of(cost).of_convolution, shapes))
