"""Uniform networks: what a search has to beat, judged beside what it found before that is kept."""

import math
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from qnas.core.network import uniform
from qnas.core.search.judging import Judging
from qnas.core.search.outcome import SearchOutcome
from qnas.core.search.task import SearchTask
from qnas.core.search.uniform_choices import Choice, native_options, no_dearer, uniform_choices, widest

FOUND = "found"
MOST_RIVALS = 2
"""How many uniform networks are judged beside what a search found, at most."""

_NEVER = -1e9


def best_of(task: SearchTask, outcome: SearchOutcome, steps: int, batch: int) -> SearchOutcome:
    """Judge what a search found beside uniform networks that cost no more and its rivals, and keep the best.

    Each starts from the weights that the search left for it (those of the supernet, with statistics estimated again) or
    else from those of its space, is tuned for a few steps, and is validated on the held-out images.

    Args:
        task: The search.
        outcome: What it found.
        steps: Steps of the tuning.
        batch: Patches in a batch of it.

    Returns:
        The outcome with the best network. Its details say under ``judged`` what was measured, and which is ``kept``.
    """
    found = outcome.best.candidates()
    rivals = {FOUND: found, **dict(uniform_networks(task, found))}
    others = {name: other.candidates() for name, other in outcome.rivals.items()}
    rivals |= {name: other for name, other in others.items() if other not in rivals.values()}
    if len(rivals) == 1:
        return outcome
    psnr = dict(zip(rivals, Judging(task, outcome, steps, batch).psnr([*rivals.items()]), strict=True))
    kept = max(psnr, key=lambda name: psnr[name])  # of equals the first, which is the found one
    judged = {name: {"psnr": psnr[name], **costs_of(task, chosen)} for name, chosen in rivals.items()}
    details = {**outcome.details, "judged": judged, "kept": kept}
    if kept == FOUND:
        return replace(outcome, details=details)
    return replace(outcome, best=task.architecture(rivals[kept]), ties=(), details=details)


def uniform_networks(task: SearchTask, found: Choice) -> Iterator[tuple[str, Choice]]:
    """Networks of native operations that keep to the limits, or without limits cost no more BitOps than ``found``.

    Yields:
        The one with the most bits in all slots alike, such as ``uniform 4``, and the one with the most bits where slots
        may differ (``uniform mix``), if it is another.
    """
    options = native_options(task.space, task.scale)
    if not all(options.values()):
        return
    allowed = no_dearer(task.space, task.scale, task.train_quantizer, task.costs, task.limits, found)
    choices = uniform_choices(task.space, task.scale)
    bits = widest(choices, allowed)
    level = {} if bits is None else choices[bits]
    if level and level != found:
        yield f"uniform {bits}", level
    mix = allowed.best(_scores(task))
    if all(mix[path] in of_slot for path, of_slot in options.items()) and mix not in (found, level):
        yield "uniform mix", mix


def _scores(task: SearchTask) -> Tensor:
    """(slots, candidates) the logarithms of bits; operations that are not native are never chosen."""
    table = torch.full_like(uniform(task.candidates), _NEVER, dtype=torch.float64)
    for slot, (path, of_slot) in enumerate(task.candidates.items()):
        for number, one in enumerate(of_slot):
            if task.is_native(path, one):
                table[slot, number] = math.log2(math.prod(one.widths or (1,)))
    return table


def costs_of(task: SearchTask, chosen: Choice) -> dict[str, float]:
    """What a network costs, by the cost's name."""
    return task.expected_costs(task.rows(chosen))
