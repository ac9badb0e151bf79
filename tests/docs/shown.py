"""The commands that a document shows, and whether they print what it shows."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

SECONDS = re.compile(r"\d+\.\d+(?=s\b)")
FOUND = re.compile(r"\d+\.\d+|\d[\d,]*(?= (?:[kMG]?BitOps|dB|[kM]?B)\b)")
MEASURED = re.compile(r"\d[\d.,]*(?: (?:ns|[µm]?s|[kMG]?B)\b)?")
FIGURES = {"qnas run ": FOUND, "python look.py": FOUND, "qnas export ": MEASURED, "qnas bench ": MEASURED}
"""Beginning of a command, and the figures in its output that depend on the machine."""
LEFT_OUT = "..."


@dataclass
class Command:
    """A command, and the lines that it prints; what stands between lines that are left out is anywhere."""

    line: str
    printed: list[str] = field(default_factory=list)


def shown_commands(block: str) -> Iterator[Command]:
    """The commands of a console block."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        line, *printed = part.splitlines()
        yield Command(line, printed)


def varying(command: str) -> re.Pattern[str]:
    """The figures in its output that depend on the machine: results of searches and trainings, and times."""
    return next((figures for start, figures in FIGURES.items() if command.startswith(start)), SECONDS)


def plain(line: str, figures: re.Pattern[str]) -> str:
    """A printed line with spaces collapsed, and with a sign in place of each of the ``figures``."""
    return " ".join(figures.sub("#", line).split())


def missing(command: Command, output: str) -> list[str]:
    """The lines of a page that are missing from the output, or out of order."""
    figures = varying(command.line)
    lines = iter([plain(line, figures) for line in output.splitlines()])
    return [line for line in command.printed if line != LEFT_OUT and plain(line, figures) not in lines]
