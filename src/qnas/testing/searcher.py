"""The contract of searchers."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from qnas.core.components import Cost, Quantizer, Regularizer
from qnas.core.files.folder import RunFolder
from qnas.core.network import Architecture, Supernet, count_choices, count_space
from qnas.core.network.probing.seeds import seed_everything
from qnas.core.run.images import split
from qnas.core.search.outcome import SearchOutcome
from qnas.core.search.searcher import Searcher
from qnas.core.search.task import SearchTask
from qnas.core.training.journal import Journal
from qnas.core.training.machine import Machine
from qnas.testing.contract import contract
from qnas.testing.failure import told_as
from qnas.testing.small import SCALE, small_images, small_space

_VALIDATION = 2
_PART = 20
"""Of the range of costs, above the cheapest network."""


def check_searcher(reference: Searcher | str | Mapping[str, Any], *, seed: int = 0) -> None:
    """Check that a searcher meets its contract, by searching a small space twice on generated images.

    It reports the steps that it plans, in order. It finds architectures in the space. If it says that it leaves a
    supernet, it does, and a network can start from its weights. The same seed finds the same architectures. Under a
    limit, it finds one that keeps to it.

    Args:
        reference: A searcher, its name, or a mapping of its name and fields. Choose few steps: they are all run.
        seed: Seed of the held-out images, and of everything that the searcher draws.

    Raises:
        AssertionError: It breaks its contract.
    """
    with contract(Searcher.of, reference) as searcher:
        planned: object = searcher.planned_steps()
        assert isinstance(planned, int) and planned > 0, f"it plans {planned!r} steps, which is not a positive int"
        first, again = _search(searcher, seed, planned), _search(searcher, seed, planned)
        for which, found, repeated in (("best", first.best, again.best), ("last", first.last, again.last)):
            with told_as(f"its {which} architecture"):
                _check_architecture(found)
            assert repeated == found, f"searching again with the same seed gives a different {which} architecture"
        _check_supernet(first, searcher.leaves_supernet)
        _check_limit(searcher, seed, planned)
        with told_as("its details can't be written as JSON"):
            json.dumps(dict(first.details))


class _Noted(Journal):
    """A journal that records the steps without reporting them."""

    def __init__(self, folder: RunFolder) -> None:
        super().__init__(folder, "search")
        self.steps: list[int] = []

    def step(self, step: int, metrics: Mapping[str, Any]) -> None:
        """See :meth:`Journal.step`."""
        del metrics
        self.steps.append(step)


def _search(searcher: Searcher, seed: int, planned: int, limits: Mapping[str, int] | None = None) -> SearchOutcome:
    with tempfile.TemporaryDirectory() as folder:
        journal = _Noted(RunFolder(Path(folder)))
        journal.folder.begin_history("search")
        seed_everything(seed)
        outcome = searcher.search(_task(journal, seed, limits or {}))
    steps = list(dict.fromkeys(journal.steps))  # a step that is recorded in the history is reported again
    assert steps == sorted(steps), f"it reports its steps out of order: {steps[:20]}"
    assert steps == list(range(1, planned + 1)), f"it plans {planned} steps but reports {len(steps)}: {steps[:20]}"
    assert isinstance(outcome, SearchOutcome), (
        f"it returns an object of type {type(outcome).__name__}, not a SearchOutcome"
    )
    return outcome


def _task(journal: Journal, seed: int, limits: Mapping[str, int]) -> SearchTask:
    return SearchTask(
        space=small_space(),
        scale=SCALE,
        search_quantizer=Quantizer.of("noise"),
        train_quantizer=Quantizer.of("lsq"),
        regularizers={"cost": Regularizer.of({"name": "cost", "weight": 0.1})},
        images=split(list(small_images()), _VALIDATION, seed),
        patch=8,
        augment=True,
        machine=Machine(torch.device("cpu")),
        seed=seed,
        journal=journal,
        limits=limits,
    )


def _check_limit(searcher: Searcher, seed: int, planned: int) -> None:
    """Search under a limit that few networks keep to."""
    cost, quantizer = Cost.of("bitops"), Quantizer.of("lsq")
    table = count_space(small_space(), SCALE, quantizer).table(cost)
    limit = table.lowest + (table.highest - table.lowest) // _PART
    found = _search(searcher, seed, planned, {"bitops": limit}).best
    spent = count_choices(small_space(), SCALE, found.candidates(), quantizer).total(cost)
    assert spent <= limit, (
        f"under a limit of {limit:,} BitOps it finds a network of {spent:,}: draw by task.draw, choose by task.allowed"
    )


def _check_architecture(found: Architecture) -> None:
    assert found.space == small_space() and found.scale == SCALE, "it has a different space or scale"
    Architecture.from_json(found.to_json())  # which rejects anything that is not in the space


def _check_supernet(outcome: SearchOutcome, leaves_supernet: bool) -> None:
    if not leaves_supernet:
        assert outcome.supernet is None, "it leaves a supernet, so it should set leaves_supernet = True"
        return
    assert outcome.supernet is not None, "it says that it leaves a supernet, but leaves none"
    assert outcome.supernet_psnr is not None, "it leaves a supernet without its PSNR"
    with told_as("a network can't start from the supernet that it leaves"):
        Supernet(small_space(), SCALE, Quantizer.of("noise")).load_state_dict(dict(outcome.supernet))
