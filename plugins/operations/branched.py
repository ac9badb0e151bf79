"""Operations that may be trained with branches."""

from typing import Any

from pydantic import SerializerFunctionWrapHandler, model_serializer

from qnas.core.components import Branches, Operation


class Branched(Operation):
    """An operation whose kernel may be trained as the sum of branches' kernels.

    What comes out of training, what runs and what is counted is one convolution: the branches are gone.

    Attributes:
        branches: What is added to its kernel in training: single branches, or the sets ``edges``, ``ecbsr``, ``span``
            and ``repvgg``.
    """

    branches: Branches = ()

    @model_serializer(mode="wrap")
    def _as_before_branches(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """The fields, without branches where there are none: as qnas wrote them before there were any."""
        fields: dict[str, Any] = handler(self)
        return fields if self.branches else {name: value for name, value in fields.items() if name != "branches"}
