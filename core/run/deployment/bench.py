"""Timing the found network of a run in the runtimes that it leaves PyTorch for, beside the same in float."""

import itertools
import json
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from qnas.core.components import Pixels, Target
from qnas.core.deploy.exporting import loaded, running
from qnas.core.deploy.memory import peak_memory
from qnas.core.deploy.timing import MOST, Call, Timing, time_in_turn
from qnas.core.errors import InputError, QnasError, QnasWarning
from qnas.core.files.folder import RunFolder
from qnas.core.processor import processor_name
from qnas.core.run.costs import measured_costs
from qnas.core.run.deployment.file_pairs import FilePair, FilePairs
from qnas.core.run.deployment.found import FoundNetwork
from qnas.core.run.names import MEASURED, RESULT, TIMINGS
from qnas.core.run.record import RunRecord
from qnas.core.settings.lr_sizes import Size

Report = Callable[[str, int, int], object]
"""Told what is timed, and how many rounds are done, of how many at most."""
FOUND, FLOAT, BICUBIC = "found", "float", "bicubic"


def bench(
    found: FoundNetwork,
    sizes: Mapping[Target, Sequence[Size]],
    threads: Sequence[int],
    *,
    rounds: int = MOST,
    report: Report = lambda *_: None,
) -> Iterator[dict[str, Any]]:
    """Time a found network, the float network of the same architecture, and Pillow's bicubic enlargement.

    Every measurement is added to the run's folder, in place of an earlier one of the same target, size and number of
    threads.

    Args:
        found: The found network, on the CPU.
        sizes: Where it is to run, and on LR images of which height and width.
        threads: How many threads a runtime may use.
        rounds: At most so many times each is called.
        report: Called with the progress of each measurement.

    Yields:
        What was measured for each target, size and number of threads, as plain data.

    Raises:
        InputError: The network can't be lowered, a target can't do it or can't be timed, or a file of the run is
            damaged.
        QnasError: A runtime fails.
    """
    kept = {_key(entry): entry for entry in found.run.timings}
    for target in sizes:
        _refuse_untimed(found.run, target)
    for target, of_target in sizes.items():
        with tempfile.TemporaryDirectory() as folder:
            files = FilePairs(found, target, Path(folder))
            for size, count in itertools.product(of_target, threads):
                measured = _Bench(target, files.of(size), size, count, found.scale).measured(rounds, report)
                kept[_key(measured)] = measured
                found.folder.write_json(TIMINGS, {"measured": list(kept.values())})
                _state(found.folder)
                yield measured


def _state(folder: RunFolder) -> None:
    """Write what was measured in place of costs into result.json."""
    run = RunRecord(folder)
    if run.is_judged and (measured := measured_costs(run)):
        folder.write_json(RESULT, {**folder.read_json(RESULT), MEASURED: measured})


def refuse_untimable(target: Target) -> None:
    """Refuse a target in which no network can be timed here.

    Raises:
        InputError: It is not installed, or its runtime is on its devices only.
    """
    target.versions()
    if reason := target.untimed():
        raise InputError(reason)


def _refuse_untimed(run: RunRecord, target: Target) -> None:
    """Refuse a network that can't be timed in a target.

    Raises:
        InputError: The network is in float, or the target can't be timed or can't run it.
    """
    refuse_untimable(target)
    if run.architecture.is_float or run.quantizer.is_float:
        raise InputError("the network is in float: there are no integers to time", str(run.path))
    if reason := target.unfit(run.between):
        raise InputError(reason, str(run.path))


def _key(entry: Mapping[str, Any]) -> str:
    return json.dumps([entry.get(field) for field in ("target", "size", "threads")], sort_keys=True)


@dataclass(frozen=True)
class _Bench:
    """One measurement: a pair of files at one size with so many threads."""

    target: Target
    files: FilePair
    size: Size
    threads: int
    scale: int

    def measured(self, rounds: int, report: Report) -> dict[str, Any]:
        what = f"{self.target.registered_name()} {'x'.join(map(str, self.size))}, threads: {self.threads}"
        report(what, 0, rounds)
        of_files = {name: self._of_file(path) for name, path in self._paths.items()}
        timings = self._timings(rounds, lambda done: report(what, done, rounds))
        report(what, rounds, rounds)  # also where fewer were enough
        return {
            "target": self.target.sized(None).reference(),
            "settings": dict(self.target.settings()),
            "versions": self.target.versions(),
            "processor": processor_name(),
            "size": list(self.size),
            "scale": self.scale,
            "threads": self.threads,
            "is_verified": self.files.is_verified,
            "sha256": self.files.sha256,
            "rounds": timings[FOUND].rounds,
            "networks": {name: {**_figures(timing), **of_files.get(name, {})} for name, timing in timings.items()},
        }

    @property
    def _paths(self) -> dict[str, Path]:
        return {FOUND: self.files.found, FLOAT: self.files.floating}

    def _of_file(self, path: Path) -> dict[str, Any]:
        try:
            memory = peak_memory(self.target, path, self.size, self.threads)
        except QnasError as error:
            what = f"the peak memory of '{self.target.known_as}' is not measured: {error}"
            warnings.warn(what, QnasWarning, stacklevel=2)
            memory = None
        return {"file_bytes": path.stat().st_size, "peak_memory_bytes": memory}

    def _timings(self, rounds: int, report: Callable[[int], object]) -> dict[str, Timing]:
        image = np.random.default_rng(0).integers(0, 256, (*self.size, 3), np.uint8)
        values = np.ascontiguousarray(image.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
        runtimes = {name: loaded(self.target, path, self.threads) for name, path in self._paths.items()}
        calls: dict[str, Call] = {name: partial(runtime, values) for name, runtime in runtimes.items()}
        if self.scale > 1:
            calls[BICUBIC] = _bicubic(image, self.scale)
        with running(self.target.known_as, self.size):
            return time_in_turn(calls, rounds, report=report)


def _figures(timing: Timing) -> dict[str, float]:
    return {
        "median_seconds": timing.median,
        "spread_seconds": timing.spread,
        "frames_per_second": 1 / timing.median,
    }


def _bicubic(image: Pixels, scale: int) -> Call:
    """Pillow's enlargement, which takes one thread."""
    picture = Image.fromarray(image)
    size = (scale * picture.width, scale * picture.height)
    return lambda: picture.resize(size, Image.Resampling.BICUBIC)
