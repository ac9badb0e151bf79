"""Files that our targets write of small networks, each written once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from qnas.core.components import Target
from qnas.testing.small_network import SmallNetwork

SIZE = (24, 28)
Exported = Callable[[str, SmallNetwork], Path]


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """The file of a network for a target."""
    folder = tmp_path_factory.mktemp("exported")

    def path(name: str, network: SmallNetwork) -> Path:
        target = Target.of(name)
        file = folder / f"{name}-{network.name}{target.suffix}"
        if not file.exists():
            size = None if target.any_size else SIZE
            target.write(network.lowered(size, None if None in target.between else target.fills).program, file)
        return file

    return path
