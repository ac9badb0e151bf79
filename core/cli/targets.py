"""Targets as commands name them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qnas.core.errors import InputError

if TYPE_CHECKING:
    from qnas.core.components import Target


def named_targets(names: Sequence[str], fields: Sequence[str] = ()) -> "list[Target]":
    """Targets given by name, each once, with fields given as ``NAME.FIELD=VALUE``.

    Raises:
        InputError: A name is not registered, or a field is not one of a target that is named.
    """
    from pydantic import RootModel

    from qnas.core.components import Target
    from qnas.core.spec.document import Assignment, Document
    from qnas.core.spec.load import validate

    chosen = {name: {"name": Target.named(name).name} for name in names}
    document = Document(chosen, "--target")
    for text in fields:
        given = Assignment.read(text, example="openvino.precision=bf16")
        name, _, field = given.path.partition(".")
        if name not in chosen or not field:
            can = " or ".join(f"{name}.FIELD" for name in chosen)
            raise InputError(f"'{given.path}' is no field of a target that is named: it must be {can}", given.where)
        document.override(given)
    return list(validate(document, RootModel[dict[str, Target]]).root.values())
