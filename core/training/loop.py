"""A long loop of optimizer steps, which can be saved after any of them and can go back when it diverges."""

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
from qnas.core.training.criterion import Criterion
from qnas.core.training.divergence import Diverged, refuse_diverged
from qnas.core.training.machine import Machine
from qnas.core.training.settings import OnDivergence
from qnas.core.training.together.agreement import refuse_parted

MOST_HALVINGS = 5
_LOOK_STEPS = 100  # between two checks of the losses, which wait for the device


class Loop(ABC):
    """A loop of optimizer steps whose whole state can be saved after any step, by ``state_dict``.

    An author writes :meth:`advance` and the two methods for extra state; :meth:`go_on` runs the loop.

    Args:
        machine: Where to compute.
        network: The network that is trained, on the machine's device.
        optimizers: The optimizers of its parameters.
        schedules: The schedules of their learning rates.
        samplers: The samplers that the batches come from.
        on_divergence: Whether to ``stop`` when the loss is not a finite number, or to go back to where
            :meth:`mark_judged` was called last and halve the learning rates (``lower-rate``).
        criterion: What the weights minimize, if its parts are to be reported.

    Attributes:
        step: Steps done so far.
        losses: The loss of each step since the last validation.
        penalties: The penalties on the architecture since then.
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
        criterion: Criterion | None = None,
    ) -> None:
        self.machine = machine
        self.network = network
        self.optimizers = optimizers
        self.schedules = schedules
        self.samplers = samplers
        self.on_divergence = on_divergence
        self.criterion = criterion or Criterion()
        self.step = 0
        self.losses: list[Tensor] = []
        self.penalties: list[Tensor] = []
        self.halvings = 0
        self._good: State | None = None

    @abstractmethod
    def advance(self) -> None:
        """Take one step, :meth:`count` its loss, and report it.

        Raises:
            Diverged: A loss or the network is not finite.
        """

    @abstractmethod
    def get_extra_state(self) -> State:
        """The state beside network, optimizers, schedules and samplers, such as the best so far."""

    @abstractmethod
    def set_extra_state(self, state: State) -> None:
        """Continue from such a state."""

    def go_on(self, steps: int, keep: Callable[[int], object]) -> None:
        """Advance until ``steps`` are done.

        Args:
            steps: Steps in all, with those that are done already.
            keep: Called with the number of each step after it; it may call ``state_dict``.

        Raises:
            Diverged: The loss is not a finite number, and the loop may not go back, or did so 5 times already.
            QnasError: The processes that train together no longer have the same network.
        """
        if self._good is None:
            self._mark()
        while self.step < steps:
            try:
                self.advance()
                keep(self.step)
            except Diverged as error:
                self._go_back(error)
        refuse_parted(self.network, self.step)

    def count(self, loss: Tensor) -> None:
        """Count a step with this loss, a detached scalar; every 100 steps, check that everything is finite.

        Raises:
            Diverged: It is not.
            QnasError: The processes that train together no longer have the same network.
        """
        self.step += 1
        self.losses.append(loss)
        if self.step % _LOOK_STEPS == 0:
            self.refuse_diverged()
            refuse_parted(self.network, self.step)

    def mean_loss(self) -> float:
        """The mean loss since the last validation.

        Raises:
            Diverged: A loss or the network is not finite.
        """
        self.refuse_diverged()
        return float(torch.stack(self.losses).mean())

    def mark_judged(self) -> None:
        """Mark that the network has just been validated: a loop that diverges goes back to this point."""
        self.losses.clear()
        self.penalties.clear()
        self.criterion.forget()
        self._mark()

    def refuse_diverged(self) -> None:
        """Check that the last losses and the network are finite.

        Raises:
            Diverged: They are not.
        """
        refuse_diverged(self.losses, self.step, self.network, self.machine.precision, self.penalties)

    def state_dict(self) -> State:
        """The whole state of the loop.

        Raises:
            Diverged: A loss or the network is not finite.
        """
        self.refuse_diverged()
        return {**self._state(), "good": self._good}

    def load_state_dict(self, state: State) -> None:
        """Continue from such a state."""
        self._load(state)
        # A run may be resumed with ``stop`` instead of ``lower-rate``. A kept state would then never be renewed, but
        # the loop would still go back to it.
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
            "parts": self.criterion.state_dict(),
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
        self.criterion.load_state_dict(state.get("parts", {}))  # checkpoints of qnas 0.1 have none

    def _mark(self) -> None:
        """Keep the state to go back to. When checkpoints are written makes no difference to it."""
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
        what = f"{error}; continuing from step {self.step} at half the rate ({times})"
        warnings.warn(what, QnasWarning, stacklevel=2)
