"""The log of steps, through the hooks as qnas calls them."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import qnas
import torch

from qnas_ghost import plugin
from qnas_ghost.step_log import COLUMNS

Steps = Mapping[int, Mapping[str, Any]]


def begin(steps: Steps) -> None:
    plugin.qnas_stage_began()
    for step, metrics in steps.items():
        plugin.qnas_step(step, metrics)


def run(folder: qnas.RunFolder, stage: str, steps: Steps) -> None:
    begin(steps)
    plugin.qnas_stage_ended(folder, stage)


def rows(folder: qnas.RunFolder) -> list[list[str]]:
    with (folder.path / "steps.csv").open(newline="") as stream:
        header, *rest = csv.reader(stream)
    assert header == list(COLUMNS)
    return rest


@pytest.fixture
def folder(tmp_path: Path) -> qnas.RunFolder:
    return qnas.RunFolder(tmp_path)


def test_a_row_for_each_step_of_each_stage(folder: qnas.RunFolder) -> None:
    run(folder, "search", {1: {"loss": torch.tensor(0.5)}, 2: {"loss": 0.25, "bitops": 2.5e8, "probabilities": {}}})
    run(folder, "train", {1: {"psnr": 31.5}})
    assert rows(folder) == [
        ["search", "1", "0.5", "", "", ""],
        ["search", "2", "0.25", "", "250000000.0", ""],
        ["train", "1", "", "31.5", "", ""],
    ]


def test_a_step_that_is_reported_twice_has_one_row(folder: qnas.RunFolder) -> None:
    plugin.qnas_stage_began()
    plugin.qnas_step(1, {"loss": 0.5})
    plugin.qnas_step(1, {"loss": 0.75, "psnr": 30.0})
    plugin.qnas_stage_ended(folder, "search")
    assert rows(folder) == [["search", "1", "0.5", "30.0", "", ""]]


def test_a_stage_that_is_done_again_replaces_its_rows(folder: qnas.RunFolder) -> None:
    run(folder, "search", {1: {"loss": 0.5}})
    run(folder, "train", {1: {"loss": 0.5}, 2: {"loss": 0.5}})
    begin({1: {"loss": 9.0}, 2: {"loss": 9.0}, 3: {"loss": 9.0}})  # and is stopped
    run(folder, "train", {1: {"loss": 0.25}})
    assert rows(folder) == [["search", "1", "0.5", "", "", ""], ["train", "1", "0.25", "", "", ""]]


def test_a_stage_without_numbers_leaves_no_file_where_the_run_will_make_its_folder(tmp_path: Path) -> None:
    folder = qnas.RunFolder(tmp_path / "later")
    run(folder, "data", {1: {"set": "train", "of": 64}})
    assert not folder.path.exists()


def test_numbers_are_read_rarely(folder: qnas.RunFolder) -> None:
    """Because reading the first one waits for the device."""
    waits = []

    class Loss:
        def __init__(self, step: int) -> None:
            self.step = step

        def __float__(self) -> float:
            waits.append(current)
            return self.step / 8

    plugin.qnas_stage_began()
    for current in range(1, 501):
        plugin.qnas_step(current, {"loss": Loss(current)})
    plugin.qnas_stage_ended(folder, "train")
    assert [float(row[2]) * 8 for row in rows(folder)] == list(range(1, 501))
    assert sorted(set(waits)) == [200, 400, 500]
