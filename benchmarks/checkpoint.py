"""What a checkpoint costs in a search of the published space, the one of search_step.py.

Only checkpoints after the first epoch count: from then on they contain the best supernet so far beside the last one.
"""

import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import search_step
import torch

from qnas.core.files.folder import RunFolder
from qnas.core.files.state import Stateful
from qnas.core.run.images import RunImages
from qnas.core.run.resuming.checkpoint import EVERY_SECONDS, CheckpointPolicy, StageCheckpoints
from qnas.core.run.resuming.stop import Stop
from qnas.core.run.stages.searching import search
from qnas.core.run.stages.under_way import Run
from qnas.core.search.images import SearchImages
from qnas.core.spec import Spec, dump_spec
from qnas.core.training.journal import Journal
from qnas.core.training.machine import Machine

STEPS, EPOCHS = 12, 4


@dataclass(frozen=True)
class Price:
    """What a checkpoint costs.

    Attributes:
        size_bytes: Size of its file.
        seconds: Median time until it is on the disk.
        share: Share of the total time, with one checkpoint every ``EVERY_SECONDS``.
    """

    size_bytes: int
    seconds: float
    share: float


class Timed(StageCheckpoints):
    """Records how long each checkpoint takes, and how large it is."""

    def __init__(self, journal: Journal, keeping: CheckpointPolicy) -> None:
        super().__init__(journal, keeping)
        self.took: list[float] = []
        self.size_bytes = 0

    def keep(self, step: int, loop: Stateful) -> None:
        """See :meth:`StageCheckpoints.keep`."""
        began = time.perf_counter()
        super().keep(step, loop)
        self.took.append(time.perf_counter() - began)
        self.size_bytes = self.path.stat().st_size


def price() -> Price:
    """Search for a few steps, with a checkpoint after each."""
    with tempfile.TemporaryDirectory() as path:
        folder, spec, images = RunFolder(Path(path)), _spec(), [search_step.random_pair()]
        folder.write_text("spec.yaml", dump_spec(spec))
        keeping = CheckpointPolicy(0, Stop())
        run = Run(
            spec, folder, Machine(torch.device("cpu")), RunImages(SearchImages(images, images, images), {}), keeping
        )
        journal = Journal(folder, "search")
        checkpoints = Timed(journal, keeping)
        search(run, journal, checkpoints)
    seconds = statistics.median(checkpoints.took[STEPS // EPOCHS :])
    return Price(checkpoints.size_bytes, round(seconds, 4), round(seconds / (EVERY_SECONDS + seconds), 6))


def _spec() -> Spec:
    return Spec.model_validate(
        {
            "name": "published",
            "scale": search_step.SCALE,
            "device": "cpu",
            "space": search_step.SPACE,
            "data": {"patch": search_step.PATCH},
            "search": {"steps": STEPS, "epochs": EPOCHS, "batch": search_step.BATCH},
        }
    )
