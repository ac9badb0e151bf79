"""Following the tutorials from an empty folder gives what they show."""

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ..conftest import Throwaway
from .conftest import ROOT, commands
from .shown import Command, missing, shown_commands

FENCE = re.compile(r"^```(\w+)(?: title=\"(.+?)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BUILD_HERE = {"PIP_NO_BUILD_ISOLATION": "0"}
"""pip's spelling of ``--no-build-isolation``: build with installed packages rather than fetch them each time."""
START = ROOT / "docs/index.md"
TUTORIALS = ROOT / "docs/tutorials"
PAGES = sorted(path.name for path in TUTORIALS.glob("*.md"))
LONG = ("dataset.md", "launcher.md", "loss.md", "operation.md", "regularizer.md", "target.md")
THERE_TOO = {"device.md": ROOT / "docs/int8.md"}
"""A page that goes on in the folder of a tutorial."""


@dataclass
class File:
    """A file that the page says to write."""

    path: str
    text: str


def steps(page: Path) -> Iterator[File | Command]:
    """The steps of a page, in order. A block with neither a title nor a command is only for reading."""
    for language, title, text in FENCE.findall(page.read_text()):
        if title:
            yield File(title, text)
        elif language == "console":
            yield from shown_commands(text)


class Reader:
    """Does what a page says, in an environment where qnas is installed."""

    def __init__(self, throwaway, folder: Path) -> None:
        self.throwaway = throwaway
        self.folder = folder

    def follow(self, page: Path) -> None:
        for step in steps(page):
            if isinstance(step, File):
                self.write(step)
            else:
                self.run(step)

    def write(self, file: File) -> None:
        path = self.folder / file.path
        assert path.parent.is_dir(), f"the page names {file.path}, but there is no such folder"
        path.write_text(file.text)

    def run(self, command: Command) -> None:
        if command.line.startswith("cd "):
            self.folder = self.folder / command.line.removeprefix("cd ")
            assert self.folder.is_dir()
            return
        done = self.shell(command.line)
        assert done.returncode == 0, f"{command.line}\n{done.stdout}\n{done.stderr}"
        assert not missing(command, done.stdout), f"{command.line}\n{done.stdout}"

    def shell(self, line: str) -> subprocess.CompletedProcess[str]:
        # One thread: the networks are so small that more would mostly wait for each other.
        settings = {"OMP_NUM_THREADS": "1", "COLUMNS": "80", "PIP_QUIET": "2", **BUILD_HERE}
        return self.throwaway.shell(line, self.folder, **settings)


@pytest.fixture(scope="session")
def workshop(tmp_path_factory):
    """An environment that has what plugins are built with; test_new installs one without."""
    throwaway = Throwaway(tmp_path_factory.mktemp("workshop"))  # plugins that other tests install would be listed too
    done = throwaway.shell("pip install hatchling editables", ROOT, PIP_QUIET="2")
    assert done.returncode == 0, done.stderr
    return throwaway


@pytest.fixture
def reader(workshop, tmp_path: Path) -> Reader:
    return Reader(workshop, tmp_path)


def result(folder: Path, run: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / f"runs/{run}/result.json").read_text())
    return found


def says_that_the_found_network_is_far_cheaper(folder: Path) -> None:
    found, uniform = (result(folder, run)["bitops"]["32x32"] for run in ("unet", "uniform"))
    assert found < 0.5 * uniform
    assert f"takes {uniform / 1e6:.0f} MBitOps for an image of 32 x 32" in (TUTORIALS / "space.md").read_text()


def says_that_both_budgets_were_met(folder: Path) -> None:
    start = {"roomy": 0.75, "tight": 0.25}
    for run, target in start.items():
        last = (folder / f"runs/{run}/search/history.jsonl").read_text().splitlines()[-1]
        start[run] = json.loads(last)["bitops"] / target
    assert start["roomy"] == pytest.approx(start["tight"], rel=0.15)
    assert result(folder, "tight")["bitops"]["32x32"] < 0.5 * result(folder, "roomy")["bitops"]["32x32"]


def says_that_noise_is_removed_and_detail_with_it(folder: Path) -> None:
    scores = result(folder, "archive")["test"]
    gains = {name: found["psnr_y"] - found["bicubic"]["psnr_y"] for name, found in scores.items()}
    assert gains["noisy"] > 0.3
    assert gains["clean"] < 0


def says_that_nothing_is_lost_in_8_bits(folder: Path) -> None:
    found = result(folder, "int8")
    given = found["baselines"]["given"]["test"]["photos"]["psnr_y"]
    assert found["test"]["photos"]["psnr_y"] == pytest.approx(given, abs=0.02)


def says_that_bits_are_mixed_and_the_program_is_short(folder: Path) -> None:
    slots = json.loads((folder / "runs/device/architecture.json").read_text())["slots"]
    assert [choice["weight_bits"] for choice in slots.values()] == [8, 4, 4, 4]
    says_that_nothing_is_lost_in_8_bits(folder)
    lines = (folder / "enlarge.py").read_text().splitlines()
    assert f"a program of {len(lines)}\nlines" in (TUTORIALS / "device.md").read_text()
    assert not any("qnas" in line or "torch" in line for line in lines)


CLAIMS = {
    "device.md": says_that_bits_are_mixed_and_the_program_is_short,
    "space.md": says_that_the_found_network_is_far_cheaper,
    "regularizer.md": says_that_both_budgets_were_met,
    "dataset.md": says_that_noise_is_removed_and_detail_with_it,
}


@pytest.mark.parametrize("page", [pytest.param(page, marks=[pytest.mark.thorough] * (page in LONG)) for page in PAGES])
def test_a_tutorial(page: str, reader: Reader) -> None:
    reader.follow(TUTORIALS / page)
    if page in THERE_TOO:
        reader.follow(THERE_TOO[page])
    assert list(reader.folder.glob("runs/**/report.html"))
    if page in CLAIMS:
        CLAIMS[page](reader.folder)


def test_the_start(reader: Reader) -> None:
    made, installed, activated, *others = (step for step in steps(START) if isinstance(step, Command))
    assert [made.line, installed.line] == commands("README.md")[2:4]  # see test_documents
    assert activated.line == ". .venv/bin/activate"
    for command in others:
        reader.run(command)


def test_every_tutorial_is_on_the_first_page() -> None:
    assert sorted(set(re.findall(r"\(tutorials/(\w+\.md)\)", START.read_text()))) == PAGES
