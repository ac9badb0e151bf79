"""Numbers as people read them, with their units: how many digits, which prefix, which sign; and what they are of.

In the terminal a number is as short as it can be: ``2.3 G``. On a page figures stand in line, so each has as many
digits as the others, and is not separated from its unit: :func:`scaled`, :func:`decimal` and those below them.
"""

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

MINUS = "\N{MINUS SIGN}"
TIMES = "\N{MULTIPLICATION SIGN}"
SPACE = "\N{NO-BREAK SPACE}"
UNKNOWN = "\N{EN DASH}"
INFINITE = "\N{INFINITY}"
PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
SMALL_PREFIXES = ((1e-3, "m"), (1e-6, "\N{MICRO SIGN}"), (1e-9, "n"), (1e-12, "p"), (1e-15, "f"))
_DIVIDED = ("s", "J")
"""The units that have small prefixes: of others, parts are not spoken of."""


def quantity(value: float, unit: str = "") -> str:
    """Three digits and a prefix: ``1.23 G``.

    >>> quantity(311_427_072, "BitOps")
    '311 MBitOps'
    >>> quantity(0.5, "BitOps")
    '0.5 BitOps'
    >>> quantity(999_999)  # from where three digits would round up to the next prefix
    '1 M'
    >>> quantity(12_300_000, "ns")
    '12.3 ms'
    """
    scale, unit = with_prefix(value, unit)
    return f"{_three_digits(value / scale)} {unit}".strip()


def exact(value: int, unit: str) -> str:
    """A whole number in full; in a unit that has a small prefix, with the prefix that fits.

    >>> exact(1_234_567, "BitOps"), exact(1_234_567, "ns")
    ('1,234,567 BitOps', '1.234567 ms')
    """
    scale, base = with_prefix(value, unit) if divided(unit)[0] < 1 else (1.0, unit)
    return f"{Decimal(value) / Decimal(repr(scale)):,f} {base}".strip()


def divided(unit: str) -> tuple[float, str]:
    """What part a unit is of the one without its small prefix, and that.

    >>> divided("ns"), divided("BitOps")
    ((1e-09, 's'), (1.0, 'BitOps'))
    """
    parts = {f"{prefix}{base}": (part, base) for base in _DIVIDED for part, prefix in SMALL_PREFIXES}
    return parts.get(unit, (1.0, unit))


def with_prefix(value: float, unit: str = "") -> tuple[float, str]:
    """What a value is to be divided by, and the unit with the prefix that it then has.

    >>> with_prefix(4.6e9, "BitOps"), with_prefix(12_300_000, "ns")
    ((1000000000.0, 'GBitOps'), (1000000.0, 'ms'))
    """
    part, base = divided(unit)
    known = (*PREFIXES, (1.0, ""), *SMALL_PREFIXES) if part < 1 else PREFIXES
    scale, prefix = next((pair for pair in known if abs(value) * part >= 0.9995 * pair[0]), (1.0, ""))
    return float(f"{scale / part:.6g}"), f"{prefix}{base}"


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
    return _minutes(seconds, " ")


def milliseconds(seconds: float) -> str:
    """The time of a call: ``12.3 ms``.

    >>> milliseconds(0.0123), milliseconds(2.5)
    ('12.3 ms', '2500 ms')
    """
    return f"{_three_digits(1000 * seconds)} ms"


def times_as_fast(ratio: float) -> str:
    """How fast beside another: ``1.7 x``.

    >>> times_as_fast(1.7), times_as_fast(2 / 3), times_as_fast(123.4)
    ('1.70 x', '0.67 x', '123 x')
    """
    return f"{ratio:.2f} x" if ratio < 10 else f"{ratio:.0f} x"


def precise_duration(seconds: Any) -> str:
    """A time as a page has it: ``0.65 s``, ``35 s``, ``12 min 5 s``, ``3 h 12 min``."""
    if not is_finite(seconds):
        return UNKNOWN
    if _rounded(seconds, 2) < 60:
        return f"{significant(seconds, 2)}{SPACE}s"
    return _minutes(seconds, SPACE)


def _minutes(seconds: float, gap: str) -> str:
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}{gap}min {rest}{gap}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,}{gap}h {minutes}{gap}min".replace(",", SPACE)


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


def baseline(scale: object) -> str:
    """What scores are compared with: bicubic enlargement, which at scale 1 leaves the degraded input as it is.

    >>> baseline(4), baseline(1)
    ('bicubic', 'input')
    """
    return "input" if scale == 1 else "bicubic"


def the_baseline(scale: object) -> str:
    """The same within a sentence.

    >>> the_baseline(4), the_baseline(1)
    ('bicubic', 'the input')
    """
    return "the input" if scale == 1 else "bicubic"


def task(scale: object) -> str:
    """What networks of a scale are for.

    >>> task(1)
    'restoration at the same size'
    """
    return "restoration at the same size" if scale == 1 else f"{TIMES}{scale} super-resolution"


def _three_digits(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def is_finite(value: Any) -> bool:
    """Whether it is a number that can be drawn or written."""
    return isinstance(value, int | float) and math.isfinite(value)


def decimal(value: Any, digits: int = 2) -> str:
    """A number with so many digits after the point: ``32.76``."""
    if not isinstance(value, int | float) or math.isnan(value):
        return UNKNOWN
    text = INFINITE if math.isinf(value) else f"{abs(value):.{digits}f}"
    return (MINUS if value < 0 and text.strip("0.") else "") + text


def signed(value: Any, digits: int = 2) -> str:
    """A difference, its sign always written: ``+0.78``."""
    text = decimal(value, digits)
    return text if text[0] in (MINUS, UNKNOWN) or not text.strip("0.") else f"+{text}"


def significant(value: Any, digits: int = 3) -> str:
    """A number with so many significant digits: ``0.311``, ``20.1``, ``1 280``."""
    if not is_finite(value):
        return decimal(value)
    after_point = max(0, digits - 1 - math.floor(math.log10(abs(_rounded(value, digits))))) if value else 0
    return f"{value:,.{after_point}f}".replace(",", SPACE)


def _rounded(value: float, digits: int) -> float:
    return float(f"{value:.{digits - 1}e}")


def scaled(value: Any, unit: str = "") -> str:
    """A count with a prefix and its unit: ``11.8 k``, ``12.3 MB``, ``12.3 ms``."""
    if not is_finite(value):
        return f"{decimal(value)}{unit}"
    scale, unit = with_prefix(value, unit)
    return f"{significant(value / scale)}{SPACE}{unit}"


def percent(share: Any, digits: int = 1) -> str:
    """A share of one: ``12.3 %``."""
    if not is_finite(share):
        return UNKNOWN
    if 0 < share < 0.5 / 10 ** (digits + 2):
        return f"<{SPACE}{1 / 10**digits:g}{SPACE}%"
    return f"{100 * share:.{digits}f}{SPACE}%"
