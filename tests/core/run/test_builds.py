"""A run builds a network when it needs its weights, and few networks for their shapes alone."""

from pathlib import Path

import pytest
from torch import nn

from qnas.core.components import Space
from qnas.core.files.folder import RunFolder
from qnas.core.network.probing.devices import is_without_values
from qnas.core.run.run import run_spec
from qnas.core.spec import read_spec

WITH_VALUES = 8
"""The supernet, the networks taken out of it in three epochs, the supernet again with its best network, and the found
network, once to train and once to evaluate it."""
FOR_SHAPES = 4
"""For the slots, the dry run, the counts of the space and those of the found network."""


def test_a_run_builds_few_networks(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = ["space.channels=21"]  # no other test has built it
    space_class = type(read_spec(tiny).spec.space)
    build, built = space_class.build, []

    def counted(space: Space, scale: int) -> nn.Module:
        built.append(is_without_values())
        return build(space, scale)

    monkeypatch.setattr(space_class, "build", counted)
    run_spec(read_spec(tiny, own).spec, RunFolder(tmp_path / "run"))
    assert built.count(False) == WITH_VALUES
    assert built.count(True) == FOR_SHAPES
