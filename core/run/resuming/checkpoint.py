"""Checkpoints: the states of a stage's loop that a run which was stopped goes on from."""

import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError

from qnas.core.errors import QnasWarning, as_input_error, first_line
from qnas.core.files.folder import RunFolder
from qnas.core.files.state import DamagedStateError, Stateful, from_bytes, to_bytes
from qnas.core.network.probing.seeds import generator_states, put_generators
from qnas.core.ranks import largest_over_ranks, world
from qnas.core.run.names import SPEC, checkpoint
from qnas.core.run.resuming.kept_spec import identity
from qnas.core.run.resuming.stop import Interrupted, Stop
from qnas.core.training.checkpoints import Checkpoints
from qnas.core.training.journal import Journal

EVERY_SECONDS = 60.0
_MOST_OVERHEAD = 0.02  # of the time


@dataclass(frozen=True)
class CheckpointPolicy:
    """When checkpoints are written.

    Attributes:
        every: Seconds between two of them, 0 for one after every step. They come less often where they would take
            more than 2 % of the time.
        stop: Asks for one, and for the end of the run.
    """

    every: float
    stop: Stop


class _Kept(BaseModel):
    """What a checkpoint holds.

    Attributes:
        run: The identity of the run: see :func:`qnas.core.run.identity.identity`.
        number: How many were written before it.
        step: After which it was written.
        seconds: That the stage had taken.
        loop: The state of the loop.
        generators: Those of Python, NumPy and PyTorch.
        history: How many bytes the stage's history had.
    """

    model_config = ConfigDict(strict=True)

    run: str
    number: NonNegativeInt
    step: NonNegativeInt
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    loop: dict[Any, Any]
    generators: dict[str, Any]
    history: NonNegativeInt


class StageCheckpoints(Checkpoints):
    """The checkpoints of one stage of a run, in two files: the last one, and the one before.

    Args:
        journal: Of the stage.
        keeping: When they are written.

    Attributes:
        stage: The name of the stage.
        step: The step of the last one, 0 where there is none.
        always_after: A step after which one is written, however soon it is after another.
    """

    def __init__(self, journal: Journal, keeping: CheckpointPolicy) -> None:
        self.step = 0
        self.always_after: int | None = None
        self._journal = journal
        self._folder: RunFolder = journal.folder
        self.stage = journal.stage
        self._every = keeping.every
        self._stop = keeping.stop
        self._seconds_before = 0.0
        self._number = 0
        self._found: _Kept | None = None
        self._began = self._kept = time.monotonic()
        self._cost = 0.0  # seconds that the last one took

    def begin(self) -> None:
        """Find the last one that is whole, and begin the stage's history, or go on with it from there.

        Those that are damaged are named in a warning.
        """
        whole = list(self._whole())
        if not whole:
            self._folder.begin_history(self.stage)
            return
        self._found = max(whole, key=lambda kept: kept.number)
        self._number, self.step = self._found.number + 1, self._found.step
        self._seconds_before = self._found.seconds
        self._folder.cut_history(self.stage, self._found.history)

    def restore(self, loop: Stateful) -> int:
        """See :meth:`Checkpoints.restore`."""
        self._stop.is_heeded = True
        self._kept = time.monotonic()
        found, self._found = self._found, None
        if found is None:
            return 0
        with as_input_error(f"the checkpoint {self.path} is of another version, remove it to begin"):
            loop.load_state_dict(found.loop)
            put_generators(found.generators)
        self._journal.resume(self.step)
        return self.step

    def keep(self, step: int, loop: Stateful) -> None:
        """See :meth:`Checkpoints.keep`."""
        # Processes that train together do the same, even where the state can't be taken because the loop has diverged.
        is_wanted = step == self.always_after or (world().is_main and self._is_due())
        asked, is_due = divmod(largest_over_ranks(2 * (self._stop.signal or 0) + is_wanted), 2)
        if asked or is_due:
            self._write(step, loop)
        if asked:
            raise Interrupted(asked, f"stopped after step {step} of the {self.stage} stage, which is kept")

    def heed(self) -> None:
        """See :meth:`Checkpoints.heed`."""
        asked = largest_over_ranks(self._stop.signal or 0)
        if asked:
            kept = f"what was kept after step {self.step}" if self.step else "nothing of it yet"
            raise Interrupted(asked, f"stopped at the end of the {self.stage} stage, with {kept}")

    def remove(self) -> None:
        """The stage has its result: they are of no more use."""
        self._stop.is_heeded = False
        for number in (0, 1):
            self._path(number).unlink(missing_ok=True)

    @property
    def path(self) -> Path:
        """Where the last one is."""
        return self._path(self._number - 1)

    @property
    def seconds(self) -> float:
        """How long the stage has taken, without what was done in vain after the checkpoint that it goes on from."""
        return self._seconds_before + time.monotonic() - self._began

    def _is_due(self) -> bool:
        waited = time.monotonic() - self._kept
        return waited >= self._every and (not self._every or waited >= self._cost / _MOST_OVERHEAD)

    def _write(self, step: int, loop: Stateful) -> None:
        began = time.monotonic()
        state = {
            "run": self._run,
            "number": self._number,
            "step": step,
            "seconds": self.seconds,
            "loop": loop.state_dict(),
            "generators": generator_states(),
            "history": self._folder.history_size(self.stage),
        }
        self._folder.sync_history(self.stage)  # which the checkpoint must not be ahead of after a power cut
        if world().is_main:
            self._folder.write_bytes(checkpoint(self.stage, self._number), to_bytes(state))
        self._number += 1
        self.step = step
        self._kept = time.monotonic()
        self._cost = self._kept - began

    @cached_property
    def _run(self) -> str:
        return identity(self._folder)

    def _whole(self) -> Iterator[_Kept]:
        """What the files hold that are whole, and of this run."""
        for number in (0, 1):
            path = self._path(number)
            if path.is_file():
                try:
                    yield self._read(path)
                except DamagedStateError as error:
                    warnings.warn(f"{path}: {error}; it is not used", QnasWarning, stacklevel=2)

    def _read(self, path: Path) -> _Kept:
        try:
            kept = _Kept.model_validate(from_bytes(path.read_bytes()))
        except ValidationError as error:
            raise DamagedStateError(f"it is no state of a stage: {first_line(error)}") from error
        if kept.run != self._run:
            raise DamagedStateError(f"it is of another run than {SPEC} says")
        if kept.history > self._folder.history_size(self.stage):
            raise DamagedStateError("the stage's history is shorter than it was then")
        return kept

    def _path(self, number: int) -> Path:
        return self._folder.path / checkpoint(self.stage, number)
