"""The page of ``qnas.testing``."""

import inspect

from qnas import testing

from .markdown import docstring, fence, heading, page, prose
from .signature import signature


def contracts() -> str:
    """What ``qnas.testing`` offers for testing plugins."""
    names = sorted(testing.__all__)
    return page("qnas.testing", prose(inspect.getdoc(testing) or ""), *map(_offered, names))


def _offered(name: str) -> str:
    function = getattr(testing, name)
    return "\n\n".join([heading(f"`{name}`"), fence(signature(function, name), "python"), docstring(function)])
