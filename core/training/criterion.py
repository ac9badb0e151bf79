"""The criterion of a training: the weighted sum of its losses."""

import contextlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from qnas.core.components import Enlarged, Loss, Teacher
from qnas.core.errors import QnasError
from qnas.core.files.state import State
from qnas.core.images.patches import Batch
from qnas.core.training.features import features_of, slots_in
from qnas.core.training.machine import Machine

Upscale = Callable[[Tensor], Tensor]
"""Turns an LR image (N, 3, H, W) into an SR image (N, 3, H * scale, W * scale), both in 0..1."""
Teachers = Mapping[Teacher, nn.Module]
"""Networks to learn from by what names them, on the machine's device."""

_NO_TEACHERS: Teachers = MappingProxyType({})


def teachers_in(losses: Mapping[str, Loss]) -> list[Teacher]:
    """The teachers that the losses with a weight learn from, each once."""
    taught = (loss.taught_by for loss in losses.values() if loss.weight)
    return list(dict.fromkeys(teacher for teacher in taught if teacher is not None))


class Criterion:
    """What one training minimizes: the weighted sum of losses.

    Its parts are counted while it is used, so that a history can tell them apart. Teachers run in evaluation mode and
    without gradients, and are no part of the student.

    Args:
        losses: By name; by default L1 alone. Those without weight are left out.
        teachers: The networks that the losses are :attr:`qnas.Loss.taught_by`.
        student: The network in training, whose features losses may see.

    Raises:
        QnasError: A teacher is missing, or a loss needs features and there is no student.
    """

    def __init__(
        self,
        losses: Mapping[str, Loss] | None = None,
        teachers: Teachers = _NO_TEACHERS,
        student: nn.Module | None = None,
    ) -> None:
        given = {"l1": Loss.of("l1")} if losses is None else losses
        self.losses = {name: loss for name, loss in given.items() if loss.weight}
        wanted = teachers_in(self.losses)
        lacking = next((teacher for teacher in wanted if teacher not in teachers), None)
        if lacking is not None:
            raise QnasError(f"there is no teacher {lacking!r}: losses that learn from one need Criterion(teachers=...)")
        self._teachers = {teacher: teachers[teacher].eval() for teacher in wanted}
        self._has_features = any(loss.sees_features for loss in self.losses.values())
        if self._has_features and student is None:
            raise QnasError("a loss needs features: give Criterion the network as its student")
        self._slots = slots_in(student) if student is not None and self._has_features else {}
        self._last: dict[str, Tensor] = {}
        self._sums: dict[str, Tensor] = {}
        self._times = 0

    def __call__(self, machine: Machine, upscale: Upscale, batch: Batch) -> Tensor:
        """The loss on a batch, a differentiable scalar.

        Where several processes train together, each computes it on its share, and all have the mean of the shares.

        Args:
            machine: Where to compute.
            upscale: The student, or what runs it.
            batch: Of patches.
        """
        with machine.sharing(batch) as share:
            terms = {name: machine.mean(term) for name, term in self._terms(machine, upscale, share).items()}
        self._count(terms)
        first, *others = terms.values()
        return sum(others, start=first)

    def _terms(self, machine: Machine, upscale: Upscale, batch: Batch) -> dict[str, Tensor]:
        with self._features(self._slots) as features, machine.autocast():
            upscaled = upscale(batch.lr)
        _keep_layout(upscaled)
        student = Enlarged(upscaled.float(), features)
        taught = {teacher: self._teach(machine, network, batch) for teacher, network in self._teachers.items()}
        return {
            name: _weighted(loss, loss.compare(student, batch.hr, taught.get(loss.taught_by)))  # type: ignore[arg-type]
            for name, loss in self.losses.items()
        }

    @property
    def last(self) -> dict[str, Any]:
        """The parts of the last loss, under ``losses``; empty if there is only one."""
        return {"losses": dict(self._last)} if self._last else {}

    @property
    def means(self) -> dict[str, Any]:
        """The means of the parts since :meth:`forget`, under ``losses``; empty if there is only one."""
        return (
            {"losses": {name: float(total / self._times) for name, total in self._sums.items()}} if self._sums else {}
        )

    def forget(self) -> None:
        """Begin the means again."""
        self._sums, self._times = {}, 0

    def state_dict(self) -> State:
        """What the means are made of."""
        return {"sums": dict(self._sums), "times": self._times}

    def load_state_dict(self, state: State) -> None:
        """Continue from such a state."""
        self._sums, self._times = dict(state.get("sums", {})), state.get("times", 0)

    def _features(self, slots: Mapping[str, nn.Module]) -> contextlib.AbstractContextManager[Mapping[str, Tensor]]:
        return features_of(slots) if self._has_features else contextlib.nullcontext({})

    @torch.no_grad()
    def _teach(self, machine: Machine, network: nn.Module, batch: Batch) -> Enlarged:
        """What a teacher makes of a batch."""
        with self._features(slots_in(network) if self._has_features else {}) as features, machine.autocast():
            image = network(batch.lr)
        return Enlarged(image.float(), features)

    def _count(self, terms: Mapping[str, Tensor]) -> None:
        if len(terms) == 1:
            return
        self._last = {name: term.detach() for name, term in terms.items()}
        self._sums = {name: self._sums.get(name, 0) + term for name, term in self._last.items()}
        self._times += 1


def _weighted(loss: Loss, value: Tensor) -> Tensor:
    if value.dim():
        raise QnasError(f"the loss '{loss.known_as}' has shape {tuple(value.shape)}, but must be a scalar")
    return value if loss.weight == 1 else loss.weight * value


def _keep_layout(image: Tensor) -> None:
    """Give the gradient of an image the image's memory layout.

    The gradients of some functions have another, which slows down the rest of the backward pass.
    """
    for layout in (torch.contiguous_format, torch.channels_last):
        if image.requires_grad and image.is_contiguous(memory_format=layout):
            image.register_hook(lambda gradient, layout=layout: gradient.contiguous(memory_format=layout))
            return
