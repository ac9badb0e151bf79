"""How networks are judged at the end of a search."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import nn

from qnas.core.network import Supernet
from qnas.core.search.outcome import SearchOutcome
from qnas.core.search.task import SearchTask
from qnas.core.search.uniform_choices import Choice
from qnas.core.training.schedule import Schedule
from qnas.core.training.trainer import Trainer

_RATE = 1e-3


@dataclass(frozen=True)
class Judging:
    """How networks are judged at the end of a search: all alike, after a short tuning.

    Each starts from the weights that the search left for it (those of the supernet, with statistics estimated again),
    or from those of its space if the outcome has no supernet.

    Attributes:
        task: The search.
        outcome: What it found.
        steps: Steps of the tuning of each.
        batch: Patches in a batch of it.
    """

    task: SearchTask
    outcome: SearchOutcome
    steps: int
    batch: int

    def psnr(self, networks: Sequence[tuple[str, Choice]]) -> list[float]:
        """PSNR of each on Y in dB on the held-out images; progress names them."""
        of = len(networks) * self.steps
        return [
            self._psnr(chosen, place * self.steps, {"judged": name, "of": of})
            for place, (name, chosen) in enumerate(networks)
        ]

    def _psnr(self, chosen: Choice, steps_before: int, told: Mapping[str, Any]) -> float:
        torch.manual_seed(self.task.seed)
        images = self.task.images

        def report(step: int, metrics: dict[str, Any]) -> None:
            self.task.journal.step(steps_before + step, {**metrics, **told})

        network = self._started(chosen)
        batches = self.task.sampler(images.training, self.batch, "uniform")
        schedule = Schedule(self.steps, _RATE)
        criterion = self.task.criterion(network)
        trainer = Trainer(self.task.machine, network, batches, images.validation, schedule, report, criterion=criterion)
        if self._supernet is None:
            trainer.calibrate()
        return trainer.run(lambda _: self.task.checkpoints.heed()).last_psnr

    def _started(self, chosen: Choice) -> nn.Module:
        """The network with what it starts from; from a supernet, it is calibrated."""
        if self._supernet is None:
            return self.task.build(chosen)
        batches = self.task.sampler(self.task.images.training, self.batch, "uniform")
        return self.task.derive(self._supernet, chosen, batches.draw())

    @cached_property
    def _supernet(self) -> Supernet | None:
        if self.outcome.supernet is None:
            return None
        supernet = Supernet(self.task.space.restored(), self.task.scale, self.task.search_quantizer)
        supernet.load_state_dict(self.outcome.supernet)
        return self.task.machine.place(supernet)
