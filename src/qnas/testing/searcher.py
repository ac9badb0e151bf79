"""The contract of searchers."""

import contextlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import save_file

from qnas.core.components import Cost, Quantizer, Regularizer, Space
from qnas.core.deprecation import Deprecated
from qnas.core.files.folder import RunFolder
from qnas.core.network import Architecture, Supernet, build_original, count_choices, count_space
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
_MOST = 10**12
"""A limit that all small networks keep to."""
_PART = 20
"""Of the range of costs, above the cheapest network."""


def check_searcher(reference: Searcher | str | Mapping[str, Any], *, seed: int = 0) -> None:
    """Check that a searcher meets its contract, by searching a small space twice on generated images.

    The space has float weights and the task a limit where the searcher says that it needs them. It reports the steps
    that it plans, in order; where it plans 0, it can't know how many. It finds architectures in the space. If it says
    that it leaves a supernet, it does, and a network can start from its weights. The same seed finds the same
    architectures. Under a limit, it finds one that keeps to it; until 0.4, one that does not gets a warning.

    Args:
        reference: A searcher, its name, or a mapping of its name and fields. Choose few steps: they are all run.
        seed: Seed of the held-out images, and of everything that the searcher draws.

    Raises:
        AssertionError: It breaks its contract.
    """
    with contract(Searcher.of, reference) as searcher, contextlib.ExitStack() as exits:
        planned: object = searcher.planned_steps()
        assert isinstance(planned, int) and planned >= 0, f"it plans {planned!r} steps, which is no number of steps"
        ground = exits.enter_context(_ground(searcher))
        first, again = (_search(searcher, seed, planned, ground) for _ in range(2))
        for which, found, repeated in (("best", first.best, again.best), ("last", first.last, again.last)):
            with told_as(f"its {which} architecture"):
                _check_architecture(found, ground.space)
            assert repeated == found, f"searching again with the same seed gives a different {which} architecture"
        _check_supernet(first, ground.space, searcher.leaves_supernet)
        _check_limit(searcher, seed, planned, ground)
        with told_as("its details can't be written as JSON"):
            json.dumps(dict(first.details))


class _Ground(NamedTuple):
    """Where to search: a space, and limits."""

    space: Space
    limits: Mapping[str, int]


@contextlib.contextmanager
def _ground(searcher: Searcher) -> Iterator[_Ground]:
    """The first of those that the searcher can search: a plain space, one with weights, and either within a limit."""
    with tempfile.TemporaryDirectory() as folder:
        spaces = (small_space(), _space_with_weights(Path(folder)))
        grounds = [_Ground(space, limits) for limits in ({}, {"bitops": _MOST}) for space in spaces]
        reasons = [searcher.unfit(*ground) for ground in grounds]
        assert "" in reasons, f"it can search none of several small spaces; of the last it says: {reasons[-1]}"
        yield grounds[reasons.index("")]


def _space_with_weights(folder: Path) -> Space:
    fields = {"name": "skeleton", "channels": 6, "body": [{"block": "chain", "length": 1}]}
    file = folder / "weights.safetensors"
    torch.manual_seed(0)
    save_file(build_original(Space.of(fields), SCALE).state_dict(), file)
    return Space.of({**fields, "weights": str(file)})


class _Noted(Journal):
    """A journal that records the steps without reporting them."""

    def __init__(self, folder: RunFolder) -> None:
        super().__init__(folder, "search")
        self.steps: list[int] = []

    def step(self, step: int, metrics: Mapping[str, Any]) -> None:
        """See :meth:`Journal.step`."""
        del metrics
        self.steps.append(step)


def _search(searcher: Searcher, seed: int, planned: int, ground: _Ground) -> SearchOutcome:
    with tempfile.TemporaryDirectory() as folder:
        journal = _Noted(RunFolder(Path(folder)))
        journal.folder.begin_history("search")
        seed_everything(seed)
        outcome = searcher.search(_task(journal, seed, ground))
    steps = list(dict.fromkeys(journal.steps))  # a step that is recorded in the history is reported again
    assert steps == sorted(steps), f"it reports its steps out of order: {steps[:20]}"
    assert steps, "it reports no step"
    wanted = list(range(1, (planned or len(steps)) + 1))
    assert steps == wanted, f"it plans {planned} steps but reports {len(steps)}: {steps[:20]}"
    assert isinstance(outcome, SearchOutcome), (
        f"it returns an object of type {type(outcome).__name__}, not a SearchOutcome"
    )
    return outcome


def _task(journal: Journal, seed: int, ground: _Ground) -> SearchTask:
    return SearchTask(
        space=ground.space,
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
        limits=ground.limits,
    )


def _check_limit(searcher: Searcher, seed: int, planned: int, ground: _Ground) -> None:
    """Search under a limit that few networks keep to."""
    cost, quantizer = Cost.of("bitops"), Quantizer.of("lsq")
    table = count_space(ground.space, SCALE, quantizer).table(cost)
    limit = table.lowest + (table.highest - table.lowest) // _PART
    found = _search(searcher, seed, planned, ground._replace(limits={"bitops": limit})).best
    spent = count_choices(ground.space, SCALE, found.candidates(), quantizer).total(cost)
    if spent > limit:
        what = f"a searcher that ignores task.limits (under {limit:,} BitOps it finds a network of {spent:,})"
        Deprecated("0.2", "task.draw and task.allowed").warn(what)


def _check_architecture(found: Architecture, space: Space) -> None:
    assert found.space == space and found.scale == SCALE, "it has a different space or scale"
    Architecture.from_json(found.to_json())  # which rejects anything that is not in the space


def _check_supernet(outcome: SearchOutcome, space: Space, leaves_supernet: bool) -> None:
    if not leaves_supernet:
        assert outcome.supernet is None, "it leaves a supernet, so it should set leaves_supernet = True"
        return
    assert outcome.supernet is not None, "it says that it leaves a supernet, but leaves none"
    assert outcome.supernet_psnr is not None, "it leaves a supernet without its PSNR"
    with told_as("a network can't start from the supernet that it leaves"):
        Supernet(space, SCALE, Quantizer.of("noise")).load_state_dict(dict(outcome.supernet))
