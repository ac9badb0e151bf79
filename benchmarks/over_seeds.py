"""Figures of several seeds in words."""

import statistics
from collections.abc import Sequence


def spread(values: Sequence[float], sign: str = "") -> str:
    """The mean, and the standard deviation if there are several values; empty if there are none."""
    if not values:
        return ""
    deviation = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):{sign}.2f}{deviation}"


def change(before: Sequence[float], after: Sequence[float]) -> str:
    """The mean change in dB, with that of each seed in brackets."""
    each = [new - old for old, new in zip(before, after, strict=True)]
    return f"{statistics.mean(each):+.2f} dB ({', '.join(f'{one:+.2f}' for one in each)})"
