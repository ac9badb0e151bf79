"""The wording of figures: how many digits, which unit, which sign."""

import math
import re
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup, escape

MINUS = "\N{MINUS SIGN}"
SPACE = "\N{NO-BREAK SPACE}"
UNKNOWN = "\N{EN DASH}"
INFINITE = "\N{INFINITY}"
PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_BETWEEN_PARTS = re.compile(r"([=_,/:]|\.(?=[A-Za-z]))")


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


def scaled(value: Any) -> str:
    """A count with a prefix: ``11.8 k``, ``12.3 M``."""
    if not is_finite(value):
        return decimal(value)
    for factor, prefix in PREFIXES:
        # From where three digits would round up to the next prefix.
        if abs(value) >= 0.9995 * factor:
            return f"{significant(value / factor)}{SPACE}{prefix}"
    return significant(value) + SPACE if value else "0" + SPACE


def duration(seconds: Any) -> str:
    """A time: ``0.65 s``, ``35 s``, ``12 min 5 s``, ``3 h 12 min``."""
    if not is_finite(seconds):
        return UNKNOWN
    if _rounded(seconds, 2) < 60:
        return f"{significant(seconds, 2)}{SPACE}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}{SPACE}min {rest}{SPACE}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,}{SPACE}h {minutes}{SPACE}min".replace(",", SPACE)


def percent(share: Any, digits: int = 1) -> str:
    """A share of one: ``12.3 %``."""
    if not is_finite(share):
        return UNKNOWN
    if 0 < share < 0.5 / 10 ** (digits + 2):
        return f"<{SPACE}{1 / 10**digits:g}{SPACE}%"
    return f"{100 * share:.{digits}f}{SPACE}%"


def name_of(component: Any) -> str:
    """The name of a component as a spec has it: a name, or a mapping with one."""
    return str(component.get("name", UNKNOWN)) if isinstance(component, Mapping) else str(component)


def breakable(text: Any) -> Markup:
    """A name that may be broken between its parts, behind ``=``, ``_``, ``,`` and the like, but in no number."""
    return Markup(_BETWEEN_PARTS.sub(r"\1<wbr>", str(escape(text))))  # noqa: S704 - it is escaped


FILTERS = {
    function.__name__: function
    for function in (decimal, signed, significant, scaled, duration, percent, name_of, breakable)
}
