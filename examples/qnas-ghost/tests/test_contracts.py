"""The contracts of qnas for every component, one line each."""

from collections.abc import Mapping
from typing import Any

import pytest
from qnas.testing import check_operation, check_quantizer, check_space

from qnas_ghost.space import GhostSpace


@pytest.mark.parametrize("fields", [{}, {"image_residual": False, "ratio": 4, "residual": "adq"}])
def test_the_space(fields: Mapping[str, Any]) -> None:
    check_space({"name": "ghost", **GhostSpace.example, **fields})


@pytest.mark.parametrize("reference", ["partial3x3", "partial5x5", {"name": "partial3x3", "parts": 2}])
def test_the_operation(reference: str | Mapping[str, Any]) -> None:
    check_operation(reference)


def test_the_quantizer() -> None:
    check_quantizer("tqt")
