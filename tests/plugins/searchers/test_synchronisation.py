"""No step of a search or of a training waits for its device: nothing that is computed there becomes a number in Python.

Processors never wait, so what would wait on a GPU is counted as operators: a tensor that becomes a number, or whose
shape depends on values. Two things are numbers on the host whatever the device: how many steps Adam has taken, and
where noise is read from the pool.
"""

import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from qnas.core.components import Loss, Quantizer, Space
from qnas.core.search.searcher import Searcher
from qnas.core.training.schedule import Schedule

pytestmark = pytest.mark.slow

_WAITS = {"_local_scalar_dense", "nonzero", "masked_select", "unique", "is_nonzero", "equal", "item"}
_ON_HOST = {"_single_tensor_adam", "_multi_tensor_adam", "noise_like"}
_STEPS = 4


class Waits(TorchDispatchMode):
    """Collects the operators that would wait for a GPU."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name = func.overloadpacket.__name__
        if (name in _WAITS or _counts_values(name, args)) and not _is_on_host():
            self.found.append(name)
        return func(*args, **(kwargs or {}))


def _is_on_host() -> bool:
    return any(frame.name in _ON_HOST for frame in traceback.extract_stack(limit=12))


def _counts_values(name: str, args: Sequence[Any]) -> bool:
    """Whether it picks the elements where a mask holds, of which there may be any number."""
    indices = args[1] if name == "index" else ()
    return any(index is not None and index.dtype == torch.bool for index in indices)


def waits_of(step: Callable[[], object]) -> list[str]:
    step()  # what the first sets up
    with Waits() as waits:
        for _ in range(_STEPS):
            step()
    return waits.found


def test_what_waits_is_seen() -> None:
    value = torch.ones(3)
    assert waits_of(lambda: float(value.sum())) == ["_local_scalar_dense"] * _STEPS
    assert waits_of(lambda: bool(value.isfinite().all()))
    assert waits_of(lambda: value[value > 0])


SPACE = {"name": "basic", "channels": 6, "cells": 1, "bits": [4, 8], "residual": "adq"}


@pytest.mark.parametrize("quantizer", ["noise", "lsq", "nipq", "hwgq"])
@pytest.mark.parametrize("fields", [{}, {"update": "joint"}, {"front": 2}])
@pytest.mark.parametrize("limits", [{}, {"bitops": 10**9}])
def test_a_step_of_a_search_waits_for_nothing(make_task, regularizers, quantizer, fields, limits) -> None:
    settings: Any = Searcher.of({"name": "differentiable", "steps": 99, "epochs": 1, "warmup": 0, "batch": 2, **fields})
    others = {} if limits or fields.get("front") else regularizers
    task = make_task(
        space=Space.of(SPACE), search_quantizer=Quantizer.of(quantizer), regularizers=others, limits=limits
    )
    assert waits_of(settings.begin(task).advance) == []


@pytest.mark.parametrize("quantizer", ["lsq", "lsq+", "pact", "dorefa", "hwgq", "ewgs", "nipq"])
def test_a_step_of_a_training_waits_for_nothing(make_task, quantizer) -> None:
    losses = {"l1": Loss.of("l1"), "frequency": Loss.of({"name": "frequency", "weight": 0.1})}
    task = make_task(space=Space.of(SPACE), train_quantizer=Quantizer.of(quantizer), losses=losses)
    chosen = {path: candidates[0] for path, candidates in task.candidates.items()}
    trainer = task.trainer(task.build(chosen), Schedule(99, 1e-3, ema=0.9), 2, "train")
    assert waits_of(trainer.advance) == []
