"""Limits for the numbers of a spec, so that a typo is reported instead of exhausting memory or overflowing."""

from typing import Annotated

from pydantic import Field, NonNegativeInt, PositiveInt

_MOST = 10_000_000

Amount = Annotated[PositiveInt, Field(le=_MOST)]
"""A number of things: steps, images, patches in a batch."""

Count = Annotated[NonNegativeInt, Field(le=_MOST)]
"""A number of things, which may be none."""

Extent = Annotated[PositiveInt, Field(le=10_000)]
"""A height or width, in pixels."""

Seed = Annotated[int, Field(ge=0, lt=2**63)]
"""A seed of random numbers."""
