"""The record of a warm start: how good a supernet and its operations are before the first step."""

import logging
from collections.abc import Mapping

import torch
from torch import Tensor

from qnas.core.network import Supernet
from qnas.core.search.task import SearchTask
from qnas.plugins.searchers.mixture import Mixture

_LOGGER = logging.getLogger("qnas.search")


@torch.no_grad()
def record_warm_start(
    task: SearchTask, supernet: Supernet, start: Tensor, errors: Mapping[str, Mapping[str, float]]
) -> None:
    """Record, at step 0, how good the supernet and its operations are after a warm start.

    Args:
        task: The search.
        supernet: After the warm start; it is left in evaluation mode.
        start: (slots, candidates) the probabilities at the start.
        errors: What :meth:`qnas.SearchTask.warm_start` returned.
    """
    supernet.eval()
    labels = dict.fromkeys(label for of_slot in errors.values() for label in of_slot)
    rows = {label: _everywhere(label, supernet, start) for label in labels}
    psnr = {label: task.validate(Mixture(supernet, row))[0] for label, row in rows.items()}
    supernet_psnr, _ = task.validate(Mixture(supernet, start))
    record = {"supernet_psnr": supernet_psnr, "warm_start_psnr": psnr, "warm_start_errors": errors}
    task.journal.record(0, record)
    for label, value in psnr.items():
        _LOGGER.info("with %s wherever it is a candidate, PSNR is %.2f dB at the start", label, value)
    _LOGGER.info("with all candidates alike, PSNR is %.2f dB at the start", supernet_psnr)


def _everywhere(label: str, supernet: Supernet, start: Tensor) -> Tensor:
    """The probabilities of an operation, at all widths, where it is a candidate; elsewhere of the native one."""
    rows = torch.zeros_like(start)
    for row, candidates in zip(rows, supernet.candidates.values(), strict=True):
        is_it = [c.operation.label == label for c in candidates]
        is_native = [c.operation.is_native for c in candidates]
        held = torch.tensor(is_it if any(is_it) else is_native if any(is_native) else [True] * len(candidates))
        row[: len(candidates)] = held.to(row) / held.sum()
    return rows
