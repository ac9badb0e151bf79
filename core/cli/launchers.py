"""The launcher that a command names."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qnas.core.components import Launcher

_EXAMPLE = "gpus=2"


def named_launcher(name: str, fields: Sequence[str] = (), jobs: int | None = None) -> "Launcher":
    """A launcher given by name; what it requires is installed.

    Args:
        name: Its name.
        fields: Fields of it, given as ``FIELD=VALUE``.
        jobs: How many runs at a time, if that is given too.

    Raises:
        InputError: The name is not registered, a field is not one of the launcher's, or a package is not installed.
    """
    from pydantic import RootModel

    from qnas.core.components import Launcher
    from qnas.core.registry import plugins
    from qnas.core.spec.document import Assignment, Document
    from qnas.core.spec.load import validate

    registry = plugins().registries[Launcher.kind]
    registry.load(name)  # an unknown one is refused
    reference: dict[str, Any] = {"name": registry.entry(name).name}
    document = Document({"launcher": reference}, "--launcher")
    for text in fields:
        given = Assignment.read(text, "--with", _EXAMPLE)
        document.override(given._replace(path=f"launcher.{given.path}"))
    if jobs is not None:
        document.override(Assignment("launcher.jobs", jobs, "--jobs"))
    (launcher,) = validate(document, RootModel[dict[str, Launcher]]).root.values()
    launcher.versions()
    return launcher
