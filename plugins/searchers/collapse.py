"""Signs that a search collapsed: it found a network that needs no search, or decided before the weights had learned."""

from collections.abc import Iterator

from torch import Tensor

from qnas.core.components import Cost
from qnas.core.network import Architecture, one_hot, slot_candidates
from qnas.core.search.task import SearchTask
from qnas.plugins.regularizers.penalties import entropy

EARLY = 1 / 4  # of the epochs in which alpha moves
_DECIDED = 0.05  # of the entropy at the start
_SEVERAL = 2


def warnings_of(found: Architecture, task: SearchTask) -> Iterator[str]:
    """Warnings about an architecture that shows such signs, with what to change."""
    rows = one_hot(slot_candidates(task.space, task.scale), found.candidates()).to(task.device)
    for key, cost in _penalized(task).items():
        yield from _of_cost(found, task, rows, key, cost)
    for name in task.limits:
        yield from _of_limit(task, rows, name)


def _penalized(task: SearchTask) -> dict[str, Cost]:
    """The costs that regularizers penalize, by the regularizer's key.

    Without any, the first cost, under ``cost``, if nothing is limited.
    """
    stated = {key: getattr(r, "cost", None) for key, r in task.regularizers.items() if r.weight}
    return {key: cost for key, cost in stated.items() if isinstance(cost, Cost)} or (
        {} if task.limits else {"cost": next(iter(task.costs.values()))}
    )


def _of_cost(found: Architecture, task: SearchTask, rows: Tensor, key: str, cost: Cost) -> Iterator[str]:
    title = cost.title or cost.known_as
    weight = f"the weight of the cost (regularizers.{key}.weight)"
    lower = f"if you want a better one for more {title}, lower {weight}"
    table = task.prices[cost]
    spent = float(table.expected(rows))
    if spent == table.lowest < table.highest:  # perhaps the price alone decided
        yield f"the search found the cheapest network of the space: {lower}"
    elif skipped := _skipped(found, task):
        yield f"the search left out every layer that it could ({skipped} slots compute nothing): {lower}"
    elif spent == table.highest > table.lowest:  # perhaps the price made no difference
        limits = [f"set limits.{name} or " for name, known in task.costs.items() if known == cost]
        higher = f"if you want one of fewer {title}, {''.join(limits)}raise {weight}"
        yield f"the search found the most expensive network of the space: {higher}"


def _of_limit(task: SearchTask, rows: Tensor, name: str) -> Iterator[str]:
    table = task.prices[task.costs[name]]
    dearest = task.rows(task.allowed.best(table.slots))
    if float(table.expected(rows)) == table.lowest < float(table.expected(dearest)):
        what = f"the search found the cheapest network of the space, though limits.{name} has room for more"
        yield f"{what}: lower search.alpha_learning_rate, or set search.warmup, so that weights learn before it decides"


def is_saturated(probabilities: Tensor, start: Tensor) -> bool:
    """Whether (slots, candidates) probabilities have all but decided, compared with those at the start."""
    undecided = entropy(start).mean()
    return bool(undecided > 0) and bool(entropy(probabilities).mean() < _DECIDED * undecided)


def _skipped(found: Architecture, task: SearchTask) -> int:
    """How many slots compute nothing, if every slot with such a candidate has chosen it; otherwise 0."""
    options, chosen = slot_candidates(task.space, task.scale), found.candidates()
    computes_nothing = []
    for (path, candidates), row in zip(options.items(), task.prices[Cost.of("macs")].slots.tolist(), strict=True):
        macs = dict(zip(candidates, row, strict=False))
        if min(macs.values()) == 0 < max(macs.values()):
            computes_nothing.append(macs[chosen[path]] == 0)
    return len(computes_nothing) if len(computes_nothing) >= _SEVERAL and all(computes_nothing) else 0
