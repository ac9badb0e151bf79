"""The candidates of a space's slots in words: short lists in full, long ones as a letter with a legend."""

import itertools
import string
from collections.abc import Iterator, Mapping, Sequence

from qnas.core.network import Candidate

_SHORT = 20
_COLOURS = ("cyan", "magenta", "yellow", "green", "blue", "red")
Widths = tuple[str, ...]


class CandidateSets:
    """The distinct lists of candidates of a space.

    Attributes:
        labels: Slot path to the short text, or the letter, that stands for its candidates.
        legend: Letter to what it stands for, in words.
        colours: Label to a colour, for lists of more than one candidate.
    """

    def __init__(self, slots: Mapping[str, Sequence[Candidate]]) -> None:
        letters = _letters()
        known: dict[tuple[Candidate, ...], str] = {}
        self.legend: dict[str, str] = {}
        for options in map(tuple, slots.values()):
            if options not in known:
                known[options] = _short(options) or next(letters)
                if not _short(options):
                    self.legend[known[options]] = _words(options)
        self.labels = {path: known[tuple(options)] for path, options in slots.items()}
        searched = [label for options, label in known.items() if len(options) > 1]
        self.colours = dict(zip(searched, itertools.cycle(_COLOURS), strict=False))


def _letters() -> Iterator[str]:
    """A to Z, then A2 to Z2, and so on."""
    yield from string.ascii_uppercase
    round_ = 2
    while True:
        yield from (f"{letter}{round_}" for letter in string.ascii_uppercase)
        round_ += 1


def _by_widths(options: Sequence[Candidate]) -> dict[Widths, list[str]]:
    """Bit-widths to the operations that have them, both as labels; operations without a choice of widths have none."""
    widths: dict[str, list[str]] = {}
    for candidate in options:
        widths.setdefault(candidate.operation.label, []).extend([candidate.widths.label] if candidate.widths else [])
    operations: dict[Widths, list[str]] = {}
    for operation, labels in widths.items():
        operations.setdefault(tuple(labels), []).append(operation)
    return operations


def _short(options: Sequence[Candidate]) -> str:
    """Such as ``native @ 4, 8``, ``""`` for more than one operation."""
    [(widths, operations), *others] = _by_widths(options).items()
    text = " @ ".join(filter(None, (operations[0], ", ".join(widths))))
    return text if not others and len(operations) == 1 and len(text) <= _SHORT else ""


def _words(options: Sequence[Candidate]) -> str:
    """Such as ``10 candidates: conv1x1, conv3x3 at 4 or 8 bits``."""
    groups = [
        ", ".join(operations) + (f" at {_either(widths)} bits" if widths else "")
        for widths, operations in _by_widths(options).items()
    ]
    pairs = " (weights/activations)" if any(c.widths and "/" in c.widths.label for c in options) else ""
    return f"{len(options)} candidates: {'; '.join(groups)}{pairs}"


def _either(words: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))
