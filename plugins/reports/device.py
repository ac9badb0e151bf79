"""The found network on the device: the files that were exported, how equal they are, and how fast."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qnas.core.drawing.wording import SPACE, TIMES, is_finite
from qnas.core.run.record import RunRecord
from qnas.plugins.reports.scores import METRICS, Comparison

Figures = Mapping[str, Any]


@dataclass(frozen=True)
class ExportedFile:
    """A file that was written for a target and proven.

    Attributes:
        target: The target's name.
        known: What ``qnas export`` noted of it.
    """

    target: str
    known: Figures

    @property
    def proof(self) -> str:
        """What was run for the proof, if that was not the runtime itself."""
        proof = str(self.known.get("proof", "run"))
        return "" if proof == "run" else proof

    @property
    def takes(self) -> str:
        """The size of the LR images that it takes."""
        return _size(self.known["size"]) if self.known.get("size") else "any size"

    @property
    def values(self) -> Figures:
        """How its 8-bit values compare with those of the network."""
        values: Figures = self.known["parity"]["of_file"]
        return values

    @property
    def rounding(self) -> Figures:
        """How much of the image rounding alone changes; empty where nothing depends on it."""
        values: Figures = self.known["parity"].get("of_rounding", {})
        return values

    @property
    def sets(self) -> Mapping[str, Figures]:
        """Test set to the PSNR of the network and of the file."""
        sets: Mapping[str, Figures] = self.known["parity"]["psnr_y"]
        return sets

    def psnr(self, name: str) -> Comparison:
        """The PSNR of the file on a test set, beside that of the network."""
        scores = self.sets.get(name, {})
        return Comparison(METRICS[0], scores.get("file"), scores.get("network"))


@dataclass(frozen=True)
class TimedFile:
    """What was measured of a file at one size with so many threads.

    Attributes:
        target: The target's name.
        is_exported: Whether the file is the one that was exported.
        measured: What ``qnas bench`` noted.
    """

    target: str
    is_exported: bool
    measured: Figures

    @property
    def size(self) -> str:
        """Of the LR image."""
        return _size(self.measured["size"])

    @property
    def found(self) -> Figures:
        """The figures of the found network."""
        return self._figures("found")

    @property
    def floating(self) -> Figures:
        """The figures of the float network."""
        return self._figures("float")

    @property
    def bicubic(self) -> Figures:
        """The figures of bicubic enlargement, empty at scale 1."""
        return self._figures("bicubic")

    @property
    def times_as_fast(self) -> float | None:
        """How fast the found network is beside the float network."""
        ours, other = (figures.get("median_seconds") for figures in (self.found, self.floating))
        return other / ours if is_finite(ours) and is_finite(other) and ours else None

    def _figures(self, name: str) -> Figures:
        figures: Figures = self.measured["networks"].get(name, {})
        return figures


@dataclass(frozen=True)
class Device:
    """What is known of the found network outside PyTorch.

    Attributes:
        files: The exported files.
        timed: What was measured of files for the same targets.
    """

    files: Sequence[ExportedFile]
    timed: Sequence[TimedFile]

    @property
    def sets(self) -> list[str]:
        """The test sets that files were compared on."""
        return list(dict.fromkeys(name for file in self.files for name in file.sets))

    @property
    def roundings(self) -> list[Figures]:
        """How much of the image rounding alone changes, where a file needs that as an excuse."""
        found = [file.rounding for file in self.files if file.rounding]
        return [one for index, one in enumerate(found) if one not in found[:index]]

    @property
    def frozen(self) -> list[str]:
        """The targets in whose files statistics over whole images are frozen."""
        return [file.target for file in self.files if file.known.get("frozen")]

    @property
    def processors(self) -> list[str]:
        """On what was measured."""
        return list(dict.fromkeys(one.measured["processor"] for one in self.timed))

    @property
    def versions(self) -> list[str]:
        """With what was measured."""
        versions = (item for one in self.timed for item in one.measured["versions"].items())
        return list(dict.fromkeys(f"{name} {version}" for name, version in versions))


def device(record: RunRecord) -> Device:
    """What was exported of a run, and measured."""
    files = [ExportedFile(name, known) for name, known in record.exports.items()]
    digests = {file.target: file.known.get("sha256") for file in files}
    measured = [(_name(entry["target"]), entry) for entry in record.timings]
    timed = [TimedFile(name, entry["sha256"] == digests[name], entry) for name, entry in measured if name in digests]
    return Device(files, timed)


def _name(reference: Any) -> str:
    return str(reference["name"] if isinstance(reference, Mapping) else reference)


def _size(sides: Sequence[int]) -> str:
    return f"{SPACE}{TIMES}{SPACE}".join(map(str, sides))
