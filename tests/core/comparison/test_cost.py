"""The costs to compare by: figures in result.json, and registered costs that are counted anew."""

from pathlib import Path

import pytest
from torch import nn

from qnas.core.comparison import compare_runs, find_runs
from qnas.core.comparison.cost import counted
from qnas.core.components import Quantizer, Space
from qnas.core.deprecation import QnasDeprecationWarning
from qnas.core.errors import InputError, QnasError
from qnas.core.network import Architecture, slot_candidates

from ...synthetic_runs import result, write_run


@pytest.fixture
def found_run(tmp_path: Path) -> Path:
    space = Space.of({"name": "basic", "channels": 6, "cells": 1, "bits": [4, 8]})
    chosen = {path: options[0] for path, options in slot_candidates(space, 4).items()}
    architecture = Architecture.from_candidates(space, 4, chosen)
    return write_run(tmp_path / "run", files={"architecture.json": architecture.to_json()})


@pytest.mark.parametrize(
    ("cost", "unit", "value"),
    [
        ("bitops", "BitOps", 4e9),
        ("macs", "MACs", 4e9 / 32),
        ("params", "parameters", 6e4),
        ("size", "B", 4e4),
    ],
)
def test_figures_of_the_result(tmp_path: Path, cost: str, unit: str, value: float) -> None:
    made = compare_runs(find_runs([write_run(tmp_path / "run")]), cost=cost)
    assert made.cost.unit == unit
    assert made.groups[0].cost.mean == value


def test_an_older_run_has_its_size_under_another_name(tmp_path: Path) -> None:
    older = {"size_bytes" if key == "size" else key: value for key, value in result(27, 4e9).items()}
    runs = find_runs([write_run(tmp_path / "run", files={"result.json": older})])
    assert compare_runs(runs, cost="size").groups[0].cost.mean == 4e4
    with pytest.warns(QnasDeprecationWarning, match="the cost 'size_bytes' is deprecated .*: use 'size'"):
        assert compare_runs(runs, cost="size_bytes").groups[0].cost.mean == 4e4


def test_the_first_cost_is_the_default_and_the_others_stand_beside(tmp_path: Path) -> None:
    made = compare_runs(find_runs([write_run(tmp_path / "run")]))
    assert [made.cost.name, *(other.name for other in made.others)] == ["bitops", "macs", "params", "size"]
    assert [made.groups[0].of_cost(other).mean for other in made.others] == [4e9 / 32, 6e4, 4e4]


def test_a_cost_is_counted_from_the_architecture(found_run: Path) -> None:
    (run,) = find_runs([found_run]).runs
    network = Architecture.from_json((found_run / "architecture.json").read_text()).build(Quantizer.of("lsq"))
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    parameters = sum(m.weight.numel() + (0 if m.bias is None else m.bias.numel()) for m in convolutions)
    assert counted(run, "params") == parameters


def test_a_network_that_can_not_be_built_again_is_told_in_one_line(tmp_path: Path) -> None:
    (run,) = find_runs([write_run(tmp_path / "run")]).runs
    with pytest.raises(QnasError, match=r"architecture\.json: can't be read"):
        counted(run, "params")


def test_an_unknown_cost_is_told_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no cost is named 'bitop'; did you mean 'bitops'"):
        compare_runs(find_runs([write_run(tmp_path / "run")]), cost="bitop")
