"""How many generated examples the long property tests try: few in `make test`, more in each longer tier."""

import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings

TIMES = float(os.environ.get("QNAS_FUZZ", "0.1"))
"""1 tries as many as a test states (`make slow`), 50 fifty times as many (`make thorough`)."""


def fuzzed(examples: int, **others: Any) -> Callable[[Any], Any]:
    """Decorates a test that `make slow` and `make thorough` run again with more ``examples`` than `make test`."""
    tried = settings(
        max_examples=max(round(TIMES * examples), 1),
        derandomize=TIMES <= 1,  # the same each time, so that a new failure means a change in the code
        database=None,
        **others,
    )
    return lambda test: pytest.mark.fuzz(tried(test))
