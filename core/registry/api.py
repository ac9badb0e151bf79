"""The version of what plugins are written against: hooks and the interfaces of components."""

from typing import Final

from qnas.core.errors import QnasError
from qnas.core.registry.markers import PROJECT

API_VERSION: Final = 1
"""Rises when plugins have to change: a hook or an interface loses or renames something."""

_STATED = "QNAS_API"


def refuse_other_api(plugin: object) -> None:
    """Refuse a plugin that says it is written for another version, by ``QNAS_API = 1`` in its module or object.

    Raises:
        QnasError: It says which version it needs, and what to upgrade.
    """
    stated = getattr(plugin, _STATED, API_VERSION)
    if stated == API_VERSION:
        return
    if not isinstance(stated, int) or isinstance(stated, bool):
        raise QnasError(f"its {_STATED} is {stated!r}: it must be a version of the API, such as {API_VERSION}")
    newer = stated > API_VERSION
    upgrade = f"upgrade {PROJECT}" if newer else "upgrade the plugin"
    raise QnasError(f"it is written for version {stated} of {PROJECT}'s API, and this one has {API_VERSION}: {upgrade}")
