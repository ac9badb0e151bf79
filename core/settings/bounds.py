"""How large the numbers of a spec may be: a typing error shall be told, and not take all memory or overflow."""

from typing import Annotated

from pydantic import Field, PositiveInt

Amount = Annotated[PositiveInt, Field(le=10_000_000)]
"""How many of something: steps, images, patches in a batch."""

Extent = Annotated[PositiveInt, Field(le=10_000)]
"""A height or width, in pixels."""

Seed = Annotated[int, Field(ge=0, lt=2**63)]
"""What decides random numbers."""
