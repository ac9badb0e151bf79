"""Sensitivity: what each candidate of each slot adds to a network's error by itself, measured without training."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from qnas.core.files.state import State
from qnas.core.network import Candidate
from qnas.core.network.calibration import calibrate
from qnas.core.search.task import SearchTask

STREAM = "sensitivity"
_DEEPEST = 4.0


@dataclass(frozen=True)
class Case:
    """A network to measure: the reference, but for one candidate.

    Attributes:
        slot: The number of the slot that differs, with all that share its choice.
        candidate: The number of its candidate.
    """

    slot: int
    candidate: int


class Sensitivity:
    """The errors of networks that differ from a reference in one choice each.

    In the reference, each slot holds its native operation at the widest bits that it may have. Every network starts
    from the weights that its space states, and is calibrated on a batch, not trained.

    Args:
        task: The search.
        batch: Patches in the batch for calibration.

    Attributes:
        errors: Of the reference, then of each case that was measured: mean absolute errors in 0..1 on the held-out
            images.
        psnr: Of the same, on Y in dB.
    """

    def __init__(self, task: SearchTask, batch: int) -> None:
        self.task = task
        self.errors: list[float] = []
        self.psnr: list[float] = []
        self._batch = task.sampler(task.images.training, batch, STREAM).draw().lr

    @cached_property
    def reference(self) -> Sequence[int]:
        """The number of each slot's candidate in the reference."""
        return [self._widest(path, of_slot) for path, of_slot in self.task.candidates.items()]

    def _widest(self, path: str, candidates: Sequence[Candidate]) -> int:
        """The number of the native operation at the most bits; without it, of the first operation with the most."""

        def rank(number: int) -> tuple[bool, int]:
            return self.task.is_native(path, candidates[number]), sum(candidates[number].widths or ())

        return max(range(len(candidates)), key=rank)

    @cached_property
    def cases(self) -> Sequence[Case]:
        """All networks beside the reference; slots that share a choice change together."""
        options = list(self.task.candidates.values())
        return [
            Case(slot, number)
            for slot in sorted(set(self.task.leaders))
            for number in range(len(options[slot]))
            if number != self.reference[slot]
        ]

    def measure(self, report: Callable[[int, int], object], *, are_steps: bool = True) -> None:
        """Measure all networks, after those that the task's checkpoints have measured already; each is kept in them.

        Args:
            report: Called with how many networks are measured, and of how many.
            are_steps: Whether each is a step of the search; otherwise, they all come before its first.
        """
        self.task.checkpoints.restore(self)
        networks = [None, *self.cases]
        for case in networks[len(self.errors) :]:
            self._measure(case)
            done = len(self.errors)
            report(done, len(networks))
            self.task.checkpoints.keep(done if are_steps else 0, self)

    def state_dict(self) -> State:
        """What was measured."""
        return {"errors": self.errors, "psnr": self.psnr}

    def load_state_dict(self, state: State) -> None:
        """Go on from such a state."""
        self.errors, self.psnr = list(state["errors"]), list(state["psnr"])

    def rises(self) -> Tensor:
        """(slots, candidates) by how much each error is above the reference's; 0 for what is not measured."""
        options = list(self.task.candidates.values())
        table = torch.zeros(len(options), max(map(len, options)), dtype=torch.float64)
        for case, error in zip(self.cases, self.errors[1:], strict=False):
            table[case.slot, case.candidate] = error - self.errors[0]
        return table[self.task.leaders]

    def _measure(self, case: Case | None) -> None:
        torch.manual_seed(self.task.seed)
        network = self.task.build(self._chosen(case)).eval()
        calibrate(network, lambda: network(self._batch))
        psnr, error = self.task.validate(network)
        self.errors.append(error)
        self.psnr.append(psnr)

    def _chosen(self, case: Case | None) -> Mapping[str, Candidate]:
        numbers = list(self.reference)
        if case is not None:
            numbers = [
                case.candidate if leader == case.slot else number
                for leader, number in zip(self.task.leaders, numbers, strict=True)
            ]
        options = self.task.candidates.items()
        return {path: of_slot[number] for (path, of_slot), number in zip(options, numbers, strict=True)}


def start_of_alpha(rises: Tensor) -> Tensor:
    """Parameters of an architecture that start from what was measured.

    Args:
        rises: (slots, candidates), see :meth:`Sensitivity.rises`.

    Returns:
        The same shape: minus the rises in units of their mean, from 0 for the best to -4. Where little depends on the
        candidate, they are about alike, so that costs decide.
    """
    positive = rises.clamp(min=0)
    return -(positive / positive.mean().clamp(min=1e-12)).clamp(max=_DEEPEST)
