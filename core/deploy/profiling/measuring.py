"""Measuring how long the candidates of a space take: whole networks are timed, and their times divided."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch

from qnas.core.components import Part, Quantizer, Runtime, Space, Target
from qnas.core.deploy.exporting import loaded, lowered_for, running
from qnas.core.deploy.profiling.design import draw_balanced, how_many, information
from qnas.core.deploy.profiling.fitting import Floats, fit_additive, held_out_error
from qnas.core.deploy.profiling.setting import Setting
from qnas.core.deploy.profiling.table import Fit, LatencyTable, frame_of, name_of, read_table
from qnas.core.deploy.timing import MOST, Timing, time_in_turn
from qnas.core.errors import InputError
from qnas.core.network import Candidate, build_found, count_networks, count_space, leaders, slot_candidates
from qnas.core.network.calibration import calibrate_for_training
from qnas.core.network.probing.seeds import generators_kept
from qnas.core.settings.lr_sizes import Size

_SIDE = 32
AT_ONCE = 6
"""Networks that are in memory and take turns, beside the reference."""
_DESIGNS = 20
"""Random choices of networks, of which the one is taken that tells most."""
_BUILDING = 0.5
"""The share of a batch's time that is taken to be that of building it, for the progress."""
_NANO = 1e9

Report = Callable[[float, int], object]
"""Called with how many networks are done, and of how many."""


@dataclass(frozen=True)
class Profile:
    """The profile of a space in a runtime.

    Every network that is timed is one of the space, made as it is exported: so each candidate stands where it stands
    later, and fuses there with what is around it.

    Attributes:
        space: The space.
        quantizer: That of the found network.
        target: Where networks are timed.
        setting: What the times hold for.
    """

    space: Space
    quantizer: Quantizer
    target: Target
    setting: Setting

    def measure(self, path: Path, rounds: int = MOST, report: Report = lambda *_: None) -> LatencyTable:
        """Time the networks that the file has not got yet, and write their times and what they say to it.

        The file is written after each batch, so that a call that is stopped can be made again.

        Args:
            path: The file, which may not exist yet.
            rounds: At most so often a network is timed in its batch.
            report: Told the progress.

        Raises:
            InputError: The file has something else, or a network can't be written for the target.
            QnasError: The runtime fails.
        """
        table = self._begun(path)
        before, after = len(table.networks), table.planned
        while len(table.networks) < after:
            done = len(table.networks)
            batch = self._networks[done : done + AT_ONCE]
            rows = self.time(batch, rounds, lambda more: report(done - before + more, after - before))  # noqa: B023
            table = replace(table, networks=[*table.networks, *rows])
            table.write(path)
        if table.fit is None:
            table = replace(table, fit=self._fit(table.networks))
            table.write(path)
        return table

    @cached_property
    def _candidates(self) -> Mapping[str, Sequence[Candidate]]:
        return slot_candidates(self.space, self.setting.scale)

    @cached_property
    def _names(self) -> dict[str, dict[Candidate, str]]:
        """Slot path to its candidates, each with its name."""
        parts = self._counted[1]
        return {
            path: {candidate: name_of(part) for candidate, part in zip(options, parts[path], strict=True)}
            for path, options in self._candidates.items()
        }

    @cached_property
    def _counted(self) -> tuple[Part, Mapping[str, Sequence[Part]]]:
        count = count_space(self.space, self.setting.scale, self.quantizer)
        return count.rest, count.slots

    @cached_property
    def _columns(self) -> dict[str, int]:
        """The names of all candidates, each once, with their numbers."""
        names = dict.fromkeys(name for of in self._names.values() for name in of.values())
        return {name: number for number, name in enumerate(names)}

    @cached_property
    def _kin(self) -> list[int]:
        """A number for each column, the same one for candidates that differ by their widths alone."""
        kin = {name_of(part): name_of(part, widths=False) for parts in self._counted[1].values() for part in parts}
        numbers: dict[str, int] = {}
        return [numbers.setdefault(kin[name], len(numbers)) for name in self._columns]

    @cached_property
    def _networks(self) -> list[dict[str, Candidate]]:
        count = how_many(len(self._columns), count_networks(self.space, self._candidates))
        shared = leaders(self.space, self._candidates)
        designs = (draw_balanced(self._candidates, shared, count, seed) for seed in range(_DESIGNS))
        return max(designs, key=lambda networks: information(self._counts(networks)))

    def _begun(self, path: Path) -> LatencyTable:
        """What the file has, or a table without any network."""
        fresh = LatencyTable(
            self.setting, frame_of(*self._counted), self._described, [], planned=len(self._networks), fit=None
        )
        if not path.exists():
            return fresh
        table = read_table(path)
        self.setting.refuse_others(table.setting, str(path))
        if (table.frame, table.space, table.planned) != (fresh.frame, fresh.space, fresh.planned):
            raise InputError("has measurements of another space: name another file with -o", str(path))
        return table

    @property
    def _described(self) -> str:
        """The space and the quantizer, in words that differ for others."""
        return f"{self.space.label}, {self.quantizer.label}"

    def time(
        self,
        networks: Sequence[Mapping[str, Candidate]],
        rounds: int = MOST,
        report: Callable[[float], object] = lambda _: None,
    ) -> list[dict[str, float]]:
        """What is measured of these networks, which are in memory together and take turns with a reference.

        Args:
            networks: At most ``AT_ONCE``, each by the candidates in its slots.
            rounds: At most so often each is timed.
            report: Told how many of them are done.
        """
        size, runtimes = self.setting.size, [self._reference]
        for chosen in networks:
            runtimes.append(self._runtime(chosen))
            report(_BUILDING * (len(runtimes) - 1))
        image = np.random.default_rng(0).random((1, 3, *size), dtype=np.float32)
        calls = {str(number): partial(runtime, image) for number, runtime in enumerate(runtimes)}

        def progress(done: int) -> None:
            report(len(networks) * (_BUILDING + (1 - _BUILDING) * done / rounds))

        with running(self.target.known_as, size):
            reference, *timings = time_in_turn(calls, rounds, report=progress).values()
        report(len(networks))
        return [_row(timing, reference) for timing in timings]

    @cached_property
    def _reference(self) -> Runtime:
        """The first network, which tells how fast the machine is at the time of each batch."""
        return self._runtime(self._networks[0])

    def _runtime(self, chosen: Mapping[str, Candidate]) -> Runtime:
        """A network in its runtime."""
        scale, size = self.setting.scale, self.setting.size
        with generators_kept():
            torch.manual_seed(0)
            network = build_found(self.space, scale, chosen, self.quantizer, self.setting.between)
            calibrate_for_training(network, lambda: network(torch.rand(1, 3, _SIDE, _SIDE)))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"network{self.target.suffix}"
            self.target.write(lowered_for(network.eval(), self.target, size).program, path)
            return loaded(self.target, path, self.setting.threads)

    def _fit(self, rows: Sequence[Mapping[str, float]]) -> Fit:
        seconds, counts = _steady(rows), self._counts(self._networks)
        constant, times = fit_additive(counts, seconds, self._kin)
        candidates = {name: round(_NANO * times[column]) for name, column in self._columns.items()}
        return Fit(round(_NANO * constant), candidates, held_out_error(counts, seconds, self._kin))

    def _counts(self, networks: Sequence[Mapping[str, Candidate]]) -> Floats:
        """(networks, candidates) how often each network has each candidate."""
        counts = np.zeros((len(networks), len(self._columns)))
        for row, chosen in zip(counts, networks, strict=True):
            for path, candidate in chosen.items():
                row[self._columns[self._names[path][candidate]]] += 1
        return counts


def profile(
    space: Space,
    quantizer: Quantizer,
    target: Target,
    *,
    threads: int,
    size: Size,
    scale: int,
    between: int | None,
) -> Profile:
    """The profile of a space in a target on this machine.

    Raises:
        InputError: Networks can't be timed there.
    """
    if reason := target.unfit(between) or target.untimed():
        raise InputError(reason)
    return Profile(space, quantizer, target, Setting.here(target, threads, size, scale, between))


def _row(timing: Timing, reference: Timing) -> dict[str, float]:
    return {
        "seconds": timing.median,
        "spread_seconds": timing.spread,
        "rounds": timing.rounds,
        "reference_seconds": reference.median,
    }


def _steady(rows: Sequence[Mapping[str, float]]) -> Floats:
    """(networks,) seconds, as if the machine had been equally fast in all batches: as the reference was."""
    seconds, reference = (np.array([row[key] for row in rows]) for key in ("seconds", "reference_seconds"))
    steady: Floats = seconds * (np.median(reference) / reference)
    return steady
