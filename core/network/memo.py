"""What is found out about a space once: its slots, its counts, and whatever else takes building its network."""

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from qnas.core.components import Space
from qnas.core.registry import plugins
from qnas.core.settings import version_in_force

_P = ParamSpec("_P")
_T = TypeVar("_T")
_KEPT = 64


def once_a_space(
    found_out: Callable[Concatenate[Space, int, _P], _T],
) -> Callable[Concatenate[Space, int, _P], _T]:
    """``found_out(space, scale, ...)``, called once in a process for each space, scale and so on.

    All callers share what it returns, and must not change it. It is called again if the network could be different: in
    another version of the spec, with other plugins, or once files that the space's fields name have changed
    (:meth:`qnas.Space.depends_on`). Errors are not kept.
    """

    @functools.lru_cache(maxsize=_KEPT)
    def kept(_: object, space: Space, scale: int, /, *more: _P.args, **named: _P.kwargs) -> _T:
        return found_out(space, scale, *more, **named)

    @functools.wraps(found_out)
    def asked(space: Space, scale: int, /, *more: _P.args, **named: _P.kwargs) -> _T:
        circumstances = version_in_force(), plugins(), space.depends_on()
        return kept(circumstances, space, scale, *more, **named)  # type: ignore[arg-type]  # fields are hashable

    return asked
