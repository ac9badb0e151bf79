"""Following the tutorials from an empty folder gives what they show."""

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ..conftest import Throwaway
from .conftest import ROOT, commands

FENCE = re.compile(r"^```(\w+)(?: title=\"(.+?)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECONDS = re.compile(r"\d+\.\d+(?=s\b)")
FOUND = re.compile(r"\d+\.\d+|\d[\d,]*(?= (?:[kMG]?BitOps|dB|[kM]?B)\b)")
RUNS = ("qnas run ", "python look.py")
LEFT_OUT = "..."
BUILD_HERE = {"PIP_NO_BUILD_ISOLATION": "0"}
"""pip's spelling of ``--no-build-isolation``: build with installed packages rather than fetch them each time."""
START = ROOT / "docs/index.md"
TUTORIALS = ROOT / "docs/tutorials"
PAGES = sorted(path.name for path in TUTORIALS.glob("*.md"))


@dataclass
class File:
    """A file that the page says to write."""

    path: str
    text: str


@dataclass
class Command:
    """A command, and the lines that it prints; what stands between lines that are left out is anywhere."""

    line: str
    printed: list[str] = field(default_factory=list)


def steps(page: Path) -> Iterator[File | Command]:
    """The steps of a page, in order. A block with neither a title nor a command is only for reading."""
    for language, title, text in FENCE.findall(page.read_text()):
        if title:
            yield File(title, text)
        elif language == "console":
            yield from shown_commands(text)


def shown_commands(text: str) -> Iterator[Command]:
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        line, *printed = part.splitlines()
        yield Command(line, printed)


def varying(command: str) -> re.Pattern[str]:
    """The figures in its output that depend on the machine: results of searches and trainings, and times."""
    return FOUND if command.startswith(RUNS) else SECONDS


def plain(line: str, figures: re.Pattern[str]) -> str:
    """A printed line with spaces collapsed, and with a sign in place of each of the ``figures``."""
    return " ".join(figures.sub("#", line).split())


def missing(command: Command, output: str) -> list[str]:
    """The lines of a page that are missing from the output, or out of order."""
    figures = varying(command.line)
    lines = iter([plain(line, figures) for line in output.splitlines()])
    return [line for line in command.printed if line != LEFT_OUT and plain(line, figures) not in lines]


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


CLAIMS = {
    "space.md": says_that_the_found_network_is_far_cheaper,
    "regularizer.md": says_that_both_budgets_were_met,
    "dataset.md": says_that_noise_is_removed_and_detail_with_it,
}


@pytest.mark.parametrize(
    ("command", "shown", "printed", "is_stale"),
    [
        ("qnas check spec.yaml", "15.8 MBitOps to 904 MBitOps", "15.8 MBitOps to 904 MBitOps", False),
        ("qnas check spec.yaml", "15.8 MBitOps to 904 MBitOps", "15.8 MBitOps to 905 MBitOps", True),
        ("qnas check spec.yaml", "15.8 MBitOps to 904 MBitOps", "15.9 MBitOps to 904 MBitOps", True),
        ("qnas run spec.yaml", "64.9 MBitOps, 4,020 parameters", "102 MBitOps, 4,020 parameters", False),
        ("qnas run spec.yaml", "64.9 MBitOps, 4,020 parameters", "64.9 MBitOps, 4,021 parameters", True),
        ("pytest -q", "2 passed in 4.20s", "2 passed in 11.03s", False),
        ("pytest -q", "2 passed in 4.20s", "3 passed in 4.20s", True),
    ],
)
def test_only_figures_that_differ_by_machine_may_differ(command: str, shown: str, printed: str, is_stale: bool) -> None:
    assert bool(missing(Command(command, [shown]), printed)) == is_stale


@pytest.mark.parametrize("page", PAGES)
def test_a_tutorial(page: str, reader: Reader) -> None:
    reader.follow(TUTORIALS / page)
    assert list(reader.folder.glob("runs/*/report.html"))
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
