"""The wording of figures and names as the filters of our templates."""

import re
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup, escape

from qnas.core.drawing.wording import (
    UNKNOWN,
    baseline,
    decimal,
    is_finite,
    percent,
    precise_duration,
    scaled,
    signed,
    significant,
    task,
    the_baseline,
)

_BETWEEN_PARTS = re.compile(r"([=_,/:]|\.(?=[A-Za-z]))")


def name_of(component: Any) -> str:
    """The name of a component as a spec has it: a name, or a mapping with one."""
    return str(component.get("name", UNKNOWN)) if isinstance(component, Mapping) else str(component)


def breakable(text: Any) -> Markup:
    """A name that may be broken after ``=``, ``_``, ``,`` and the like, but not within a number."""
    return Markup(_BETWEEN_PARTS.sub(r"\1<wbr>", str(escape(text))))  # noqa: S704 - it is escaped


def in_bytes(number: Any) -> str:
    """So many bytes: ``53.7 kB``."""
    return scaled(number, "B") if is_finite(number) else UNKNOWN


def milliseconds(seconds: Any) -> str:
    """A time under a heading that says its unit: ``12.3``."""
    return significant(1000 * seconds) if is_finite(seconds) else UNKNOWN


_WORDINGS = (
    baseline,
    breakable,
    decimal,
    in_bytes,
    milliseconds,
    name_of,
    percent,
    scaled,
    signed,
    significant,
    task,
    the_baseline,
)
FILTERS = {"duration": precise_duration, **{wording.__name__: wording for wording in _WORDINGS}}
