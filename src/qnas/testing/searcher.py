"""The contract of searchers."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from qnas.core.components import Quantizer, Regularizer
from qnas.core.files.folder import RunFolder
from qnas.core.network import Architecture, Supernet
from qnas.core.network.probing.seeds import seed_everything
from qnas.core.run.images import split
from qnas.core.training.journal import Journal
from qnas.core.training.search import SearchOutcome, SearchTask
from qnas.core.training.searcher import Searcher
from qnas.testing.contract import contract
from qnas.testing.failure import told_as
from qnas.testing.small import SCALE, small_images, small_space

_VALIDATION = 2


def check_searcher(reference: Searcher | str | Mapping[str, Any], *, seed: int = 0) -> None:
    """Check that a searcher keeps its contract: it searches a small space twice, on generated images.

    It reports the steps that it plans, in their order. What it finds is of the space. It leaves a supernet, whose
    weights a network can start from, if it says so. The same seed finds the same.

    Args:
        reference: A searcher, or its name, or a mapping of its name and fields. Choose few steps: they are done.
        seed: Decides the images that are held out, and all that the searcher draws.

    Raises:
        AssertionError: It breaks its contract.
    """
    with contract(Searcher.of, reference) as searcher:
        planned: object = searcher.planned_steps()
        assert isinstance(planned, int) and planned > 0, f"it plans {planned!r} steps, no whole number above 0"
        first, again = _search(searcher, seed, planned), _search(searcher, seed, planned)
        for which, found, repeated in (("best", first.best, again.best), ("last", first.last, again.last)):
            with told_as(f"its {which} architecture"):
                _check_architecture(found)
            assert repeated == found, f"searching again with the same seed, its {which} architecture is another"
        _check_supernet(first, searcher.leaves_supernet)
        with told_as("the details that it gives are no JSON"):
            json.dumps(dict(first.details))


class _Noted(Journal):
    """A journal that notes the steps and tells nobody."""

    def __init__(self, folder: RunFolder) -> None:
        super().__init__(folder, "search")
        self.steps: list[int] = []

    def step(self, step: int, metrics: Mapping[str, Any]) -> None:
        """See :meth:`Journal.step`."""
        del metrics
        self.steps.append(step)


def _search(searcher: Searcher, seed: int, planned: int) -> SearchOutcome:
    with tempfile.TemporaryDirectory() as folder:
        journal = _Noted(RunFolder(Path(folder)))
        journal.folder.begin_history("search")
        seed_everything(seed)
        outcome = searcher.search(_task(journal, seed))
    steps = list(dict.fromkeys(journal.steps))  # a step whose record is kept is reported once more
    assert steps == sorted(steps), f"it reports its steps out of order: {steps[:20]}"
    assert steps == list(range(1, planned + 1)), f"it plans {planned} steps and reports {len(steps)}: {steps[:20]}"
    assert isinstance(outcome, SearchOutcome), f"it gives a {type(outcome).__name__}, no SearchOutcome"
    return outcome


def _task(journal: Journal, seed: int) -> SearchTask:
    return SearchTask(
        space=small_space(),
        scale=SCALE,
        search_quantizer=Quantizer.of("noise"),
        train_quantizer=Quantizer.of("lsq"),
        regularizers={"cost": Regularizer.of({"name": "cost", "weight": 0.1})},
        images=split(list(small_images()), _VALIDATION, seed),
        patch=8,
        augment=True,
        device=torch.device("cpu"),
        precision="float32",
        seed=seed,
        journal=journal,
    )


def _check_architecture(found: Architecture) -> None:
    assert found.space == small_space() and found.scale == SCALE, "it is of another space, or of another scale"
    Architecture.from_json(found.to_json())  # which refuses what the space does not have


def _check_supernet(outcome: SearchOutcome, leaves_supernet: bool) -> None:
    if not leaves_supernet:
        assert outcome.supernet is None, "it leaves a supernet: it should say leaves_supernet = True"
        return
    assert outcome.supernet is not None, "it says that it leaves a supernet, and leaves none"
    assert outcome.supernet_psnr is not None, "it leaves a supernet without its PSNR"
    with told_as("a network can't start from the supernet that it leaves"):
        Supernet(small_space(), SCALE, Quantizer.of("noise")).load_state_dict(dict(outcome.supernet))
