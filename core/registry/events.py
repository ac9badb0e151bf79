"""Calls the hooks that follow a run."""

import contextlib
import logging
import warnings
from collections.abc import Iterator
from typing import Any

from qnas.core.errors import QnasWarning, first_line
from qnas.core.ranks import world
from qnas.core.registry.plugins import plugins

_LOGGER = logging.getLogger(__name__)


@contextlib.contextmanager
def listening(listener: object) -> Iterator[None]:
    """A context in which ``listener``, a plugin like any other, receives the events of runs."""
    manager = plugins().manager
    manager.register(listener)
    try:
        yield
    finally:
        manager.unregister(listener)


class Events:
    """The event hooks. A plugin that fails in one is reported once and not called again: the run continues."""

    def __init__(self) -> None:
        self._plugins = plugins()
        self._failed: set[int] = set()

    def tell(self, hook: str, **facts: Any) -> None:
        """Call ``hook`` of every plugin that has not failed; of processes that train together, in the first only."""
        if not world().is_main:
            return
        for heard in getattr(self._plugins.manager.hook, hook).get_hookimpls():
            if id(heard.plugin) not in self._failed:
                self._call(hook, heard.plugin, facts)

    def _call(self, hook: str, plugin: object, facts: dict[str, Any]) -> None:
        try:
            self._plugins.hook_of(plugin, hook)(**facts)
        except (Exception, SystemExit) as error:  # a third-party hook may raise anything
            self._failed.add(id(plugin))
            name = self._plugins.manager.get_name(plugin)
            what = f"{name} failed in {hook} and is not called again: {first_line(error)}"
            warnings.warn(what, QnasWarning, stacklevel=2)
            _LOGGER.info("the traceback of %s in %s", name, hook, exc_info=error)
