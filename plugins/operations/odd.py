"""Odd numbers: a zero-padded kernel keeps the size of an image only if the kernel's size is odd."""

from typing import Annotated

from pydantic import AfterValidator

from qnas.core.settings import Extent


def _odd(number: int) -> int:
    if number % 2 == 0:
        raise ValueError("must be an odd number")
    return number


OddInt = Annotated[Extent, AfterValidator(_odd)]
