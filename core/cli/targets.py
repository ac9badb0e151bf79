"""Targets as commands name them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qnas.core.errors import InputError

if TYPE_CHECKING:
    from qnas.core.components import Target
    from qnas.core.run.record import RunRecord

_EXAMPLE = "openvino.precision=bf16"


def named_targets(names: Sequence[str], fields: Sequence[str] = (), run: "RunRecord | None" = None) -> "list[Target]":
    """Targets given by name, each once.

    Args:
        names: Their names.
        fields: Fields of theirs, given as ``NAME.FIELD=VALUE``.
        run: Where its spec names one of them, the other fields are as there.

    Raises:
        InputError: A name is not registered, or a field is not one of a target that is named.
    """
    from pydantic import RootModel

    from qnas.core.components import Target
    from qnas.core.run.deployment.targets import stated_target
    from qnas.core.spec.document import Assignment, Document
    from qnas.core.spec.load import validate

    registered = [Target.named(name).name for name in names]
    chosen = {name: {"name": name} if run is None else stated_target(run, name) for name in registered}
    document = Document(chosen, "--target")
    for text in fields:
        given = Assignment.read(text, example=_EXAMPLE)
        name, _, field = given.path.partition(".")
        if name not in chosen or not field:
            can = " or ".join(f"{name}.FIELD" for name in chosen)
            raise InputError(f"'{given.path}' is no field of a target that is named: it must be {can}", given.where)
        document.override(given)
    return list(validate(document, RootModel[dict[str, Target]]).root.values())


def refuse_other_sizes(fields: Sequence[str], option: str, sizes: Sequence[str | None]) -> None:
    """Refuse fields that give a target another size than an option does.

    Args:
        fields: As for :func:`named_targets`.
        option: The option, with its value.
        sizes: The sizes that it gives, None for any.

    Raises:
        InputError: One does.
    """
    from qnas.core.spec.document import Assignment

    for text in fields:
        given = Assignment.read(text, example=_EXAMPLE)
        if given.path.endswith(".size") and [given.value] != list(sizes):
            raise InputError(f"names another size than {option}: give one of the two", given.where)
