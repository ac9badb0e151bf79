"""A long loop of optimizer steps: it can be kept after any of them, and go back when it diverges."""

import copy
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR

from qnas.core.errors import QnasWarning
from qnas.core.files.state import State
from qnas.core.images.patches import PatchSampler
from qnas.core.network.probing.seeds import generator_states, put_generators
from qnas.core.training.divergence import Diverged, refuse_diverged
from qnas.core.training.machine import Machine
from qnas.core.training.settings import OnDivergence

MOST_HALVINGS = 5
_LOOK_STEPS = 100  # between two looks at the losses, which wait for the device


class Loop(ABC):
    """A loop whose whole state can be kept after any step (see :class:`qnas.core.files.state.Stateful`).

    Args:
        machine: Where to compute.
        network: What is trained.
        optimizers: What trains it.
        schedules: How their learning rates fall.
        samplers: Where the batches come from.
        on_divergence: Whether to stop when the loss is no finite number, or to go back and halve the rates.

    Attributes:
        step: How many are done.
        losses: Of the steps since what is reached was judged last.
        penalties: On the architecture, of the steps since then.
        halvings: How many times the learning rates were halved.
    """

    def __init__(
        self,
        machine: Machine,
        network: nn.Module,
        optimizers: Sequence[Optimizer],
        schedules: Sequence[CosineAnnealingLR],
        samplers: Sequence[PatchSampler],
        on_divergence: OnDivergence,
    ) -> None:
        self.machine = machine
        self.network = network
        self.optimizers = optimizers
        self.schedules = schedules
        self.samplers = samplers
        self.on_divergence = on_divergence
        self.step = 0
        self.losses: list[Tensor] = []
        self.penalties: list[Tensor] = []
        self.halvings = 0
        self._good: State | None = None

    @abstractmethod
    def advance(self) -> None:
        """Take one step, and report it.

        Raises:
            Diverged: What is trained is broken.
        """

    @abstractmethod
    def get_extra_state(self) -> State:
        """What there is beside network, optimizers, schedules and positions, such as the best so far."""

    @abstractmethod
    def set_extra_state(self, state: State) -> None:
        """Go on from it."""

    def go_on(self, steps: int, keep: Callable[[int], object]) -> None:
        """Advance until ``steps`` are done.

        Args:
            steps: Where to stop.
            keep: Called after each step; it may take the state.

        Raises:
            Diverged: The loss is no finite number, and going back is not wanted or does not help.
        """
        if self._good is None:
            self._mark()
        while self.step < steps:
            try:
                self.advance()
                keep(self.step)
            except Diverged as error:
                self._go_back(error)

    def count(self, loss: Tensor) -> None:
        """A step was taken that had this loss; now and then, look whether all is well.

        Raises:
            Diverged: It is not.
        """
        self.step += 1
        self.losses.append(loss)
        if self.step % _LOOK_STEPS == 0:
            self.refuse_diverged()

    def mean_loss(self) -> float:
        """The mean of the losses since what was reached was judged last.

        Raises:
            Diverged: One was no finite number, or the network is broken.
        """
        self.refuse_diverged()
        return float(self.machine.mean(torch.stack(self.losses).mean()))

    def mark_judged(self) -> None:
        """What is reached has been judged, and is worth going back to."""
        self.losses.clear()
        self.penalties.clear()
        self._mark()

    def refuse_diverged(self) -> None:
        """Refuse to go on from what is broken.

        Raises:
            Diverged: It is.
        """
        refuse_diverged(self.losses, self.step, self.network, self.machine.precision, self.penalties)

    def state_dict(self) -> State:
        """The whole state of the loop.

        Raises:
            Diverged: It is broken.
        """
        self.refuse_diverged()
        return {**self._state(), "good": self._good}

    def load_state_dict(self, state: State) -> None:
        """Go on from such a state."""
        self._load(state)
        # Of a run that went back so far and is to stop from now on, it would be gone back to, and never renewed.
        self._good = state["good"] if self.on_divergence == "lower-rate" else None

    def _state(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "losses": torch.stack(self.losses) if self.losses else torch.zeros(0),
            "halvings": self.halvings,
            "network": self.network.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "schedules": [schedule.state_dict() for schedule in self.schedules],
            "positions": [sampler.position for sampler in self.samplers],
            "extra": self.get_extra_state(),
        }

    def _load(self, state: State) -> None:
        self.step, self.halvings = state["step"], state["halvings"]
        self.losses = list(state["losses"].to(self.machine.device).unbind())
        self.penalties.clear()
        self.network.load_state_dict(state["network"])
        for optimizer, kept in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
        for schedule, kept in zip(self.schedules, state["schedules"], strict=True):
            schedule.load_state_dict(kept)
        for sampler, position in zip(self.samplers, state["positions"], strict=True):
            sampler.position = position
        self.set_extra_state(state["extra"])

    def _mark(self) -> None:
        """Note what to go back to: it does not depend on when checkpoints are written."""
        if self.on_divergence == "lower-rate":
            self._good = {"loop": copy.deepcopy(self._state()), "generators": generator_states()}

    def _go_back(self, error: Diverged) -> None:
        if self._good is None or self.halvings == MOST_HALVINGS:
            raise error
        self._load(copy.deepcopy(self._good["loop"]))
        put_generators(self._good["generators"])
        self.halvings += 1
        for group in (group for optimizer in self.optimizers for group in optimizer.param_groups):
            group["lr"] /= 2
        for schedule in self.schedules:
            schedule.base_lrs = [rate / 2 for rate in schedule.base_lrs]
        self._mark()
        times = f"{self.halvings} of {MOST_HALVINGS} times"
        warnings.warn(f"{error}; going on from step {self.step} at half of it ({times})", QnasWarning, stacklevel=2)
