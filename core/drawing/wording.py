"""Numbers as people read them."""

from collections.abc import Mapping
from decimal import Decimal

_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def quantity(value: float, unit: str = "") -> str:
    """Three digits and a prefix: ``1.23 G``.

    >>> quantity(311_427_072, "BitOps")
    '311 MBitOps'
    >>> quantity(0.5, "BitOps")
    '0.5 BitOps'
    """
    for size, prefix in _PREFIXES:
        if value >= size:
            return f"{_three_digits(value / size)} {prefix}{unit}".strip()
    return f"{_three_digits(value)} {unit}".strip()


def amount(value: float, unit: str, noun: str = "") -> str:
    """So much in a unit, or without one so many of what the noun says.

    >>> amount(4.6e9, "BitOps", "BitOps"), amount(4020, "", "parameters")
    ('4.6 GBitOps', '4,020 parameters')
    """
    return quantity(value, unit) if unit else f"{count(round(value))} {noun}".strip()


def float_work(work: Mapping[str, int]) -> str:
    """What a quantized network computes in float, as result.json has it.

    >>> float_work({"macs": 811_009, "counted_macs": 0, "elementwise": 196_614})
    '811 kMACs and 197 k other operations, which BitOps leave out'
    """
    counted = f" ({quantity(work['counted_macs'])} of them in BitOps, at 32 x 32 bits)" if work["counted_macs"] else ""
    others = f"{quantity(work['elementwise'])} other operations, which BitOps leave out"
    return f"{quantity(work['macs'], 'MACs')}{counted} and {others}"


def duration(seconds: float) -> str:
    """``12 s``, ``3 min 20 s``, ``2 h 5 min``.

    >>> duration(200)
    '3 min 20 s'
    """
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def count(number: int) -> str:
    """A whole number, in powers of ten once it is long.

    >>> count(48_000)
    '48,000'
    >>> count(3 * 10**20)
    '3.0e+20'
    >>> count(10**1000)  # more than a float can hold
    '1.0e+1000'
    """
    return f"{number:,}" if number < 10**9 else f"{Decimal(number):.1e}"


def plural(number: int, noun: str) -> str:
    """So many of a noun.

    >>> plural(1, "slot"), plural(2, "slot")
    ('1 slot', '2 slots')
    """
    return f"{count(number)} {noun}" + "s" * (number != 1)


def _three_digits(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"
