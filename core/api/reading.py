"""``qnas.load`` and ``qnas.compare``: what finished runs hold."""

from collections.abc import Iterable
from pathlib import Path

from qnas.core.comparison import Comparison, compare_runs, find_runs
from qnas.core.errors import plainly
from qnas.core.run.deployment.found import FoundNetwork, load_found
from qnas.core.run.record import RunRecord
from qnas.core.training.machine import Device, choose_device

Run = str | Path | RunRecord
"""A run: its record, or its folder."""


@plainly
def load(run: Run, device: Device = "cpu") -> FoundNetwork:
    """The network that a run found, with its trained weights.

    Args:
        run: The run's record or folder, or the name of a model.
        device: Where to compute; ``auto`` takes cuda, then mps, then cpu.

    Raises:
        InputError: There is no run, it has trained no network yet, a file is damaged, or a plugin is missing.
    """
    return load_found(_folder(run), choose_device(device))


@plainly
def compare(
    runs: Run | Iterable[Run], *, test: str | None = None, cost: str | None = None, title: str = ""
) -> Comparison:
    """Finished runs side by side; ``pandas.DataFrame(comparison.rows)`` has all of their figures.

    Args:
        runs: Runs, or folders that hold some at any depth, such as a sweep's.
        test: The test set to compare on; by default, of those that all have, the one with the most images.
        cost: What to compare over, such as ``bitops``, or ``measured``; by default the first cost.
        title: What is compared, in words.

    Raises:
        InputError: The runs can't be compared, or there is no finished one.
    """
    given = [runs] if isinstance(runs, str | Path | RunRecord) else list(runs)
    return compare_runs(find_runs(map(_folder, given)), test, cost, title)


def _folder(run: Run) -> Path:
    return run.path if isinstance(run, RunRecord) else Path(run)
