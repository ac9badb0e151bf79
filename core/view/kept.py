"""What was made, kept until what it was made of has changed."""

import threading
from collections.abc import Callable, Hashable
from typing import TypeVar, cast

T = TypeVar("T")
_MOST = 32


class Kept:
    """Makes one thing at a time, since matplotlib can't draw two, and keeps the last few."""

    def __init__(self) -> None:
        self._making = threading.Lock()
        self._made: dict[Hashable, tuple[object, object]] = {}

    def get(self, name: Hashable, version: object, make: Callable[[], T]) -> T:
        """What was made by this name of this version, or what is made now.

        Args:
            name: What it is called; always of the same type.
            version: Equal for as long as what was made holds.
            make: Makes it.
        """
        with self._making:
            before, made = self._made.pop(name, (None, None))
            if made is None or before != version:
                made = make()
            self._made[name] = version, made
            while len(self._made) > _MOST:
                del self._made[next(iter(self._made))]
            return cast("T", made)
