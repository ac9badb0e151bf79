"""Groups: runs of one spec with different seeds, and their figures."""

from collections.abc import Sequence
from dataclasses import dataclass

from qnas.core.comparison.cost import CostAxis
from qnas.core.comparison.figure import Figure
from qnas.core.comparison.labels import Names
from qnas.core.comparison.reading.finished_run import FinishedRun


@dataclass(frozen=True)
class Group:
    """Runs of one spec, over their seeds.

    Attributes:
        names: What it is called, and which series it belongs to.
        runs: Its runs.
        cost: What the comparison is made over, by default the first of the costs, for an LR image of 32 x 32.
        psnr: PSNR on Y in dB, on the test set of the comparison.
        ssim: SSIM on Y, on the same.
        gain: PSNR on Y above bicubic's, in dB.
        points: Cost and PSNR of each run.
        on_front: Whether no other group is as good for less, or better for as little.
    """

    names: Names
    runs: Sequence[FinishedRun]
    cost: Figure
    psnr: Figure
    ssim: Figure
    gain: Figure
    points: Sequence[tuple[float, float]]
    on_front: bool = False

    @property
    def label(self) -> str:
        """Its name."""
        return self.names.label

    @property
    def series(self) -> str:
        """The name of the line that joins it with others."""
        return self.names.series

    @property
    def seeds(self) -> list[int]:
        """The seeds of its runs, in ascending order."""
        return sorted(run.seed for run in self.runs if run.seed is not None)

    @property
    def variant(self) -> str | None:
        """The variant of the sweep that it belongs to."""
        point = self.runs[0].point
        return point.variant if point else None

    def figure(self, *path: str) -> Figure:
        """A figure of its runs' result.json."""
        return Figure.of(run.figure(*path) for run in self.runs)

    def of_cost(self, axis: CostAxis) -> Figure:
        """A cost that its runs state."""
        return Figure.of(map(axis.stated, self.runs))

    @property
    def position(self) -> tuple[float, float]:
        """Its mean cost and mean PSNR: its place in the plot."""
        return self.cost.mean or 0.0, self.psnr.mean or 0.0


def same_spec(runs: Sequence[FinishedRun]) -> list[list[FinishedRun]]:
    """The runs in groups whose specs are equal but for name and seed; two variants of a sweep are never one group."""
    groups: dict[tuple[str | None, str], list[FinishedRun]] = {}
    for run in runs:
        groups.setdefault((run.point.variant if run.point else None, run.protocol), []).append(run)
    return list(groups.values())
