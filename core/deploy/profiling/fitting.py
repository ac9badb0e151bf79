"""Fitting: what the times of whole networks say about their candidates."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_RIDGE = 1e-4
"""What decides where times can't tell: the least."""
_SHRINKAGES = (1e-4, 1e-2, 0.1, 1.0, 10.0, 1e4)
"""How firmly the times of kin are held together, from hardly at all to equal."""
_FOLDS = 5


def fit_additive(counts: Floats, seconds: Floats, kin: Sequence[int]) -> tuple[float, Floats]:
    """The constant, and the time of each candidate, by which networks take the sum over their slots.

    Relative errors are least in the mean square, and no time is negative. A slot is never empty, so what its quickest
    candidate takes can't be told from what lies between: it is part of the constant, and that candidate takes 0. As
    each network tells of all of its candidates at once, all are more certain than by a difference of two networks for
    each (Hotelling 1944, Some improvements in weighing).

    A candidate's time is that of its kin, and its own on top, which is shrunk (ridge regression, Hoerl and Kennard
    1970): in many runtimes 4 bits take as long as 8, and then each time of one tells of the other. How much it is
    shrunk is what predicts left-out networks best.

    Args:
        counts: (networks, candidates) how often a network has a candidate.
        seconds: (networks,) how long each took.
        kin: (candidates,) a number from 0 for each, the same one for those that may take about as long.

    Returns:
        The constant, and the times (candidates,), in seconds.
    """
    if len(seconds) < _FOLDS:
        return _fit(counts, seconds, kin, _SHRINKAGES[0])
    return _fit(counts, seconds, kin, min(_SHRINKAGES, key=lambda by: _left_out(counts, seconds, kin, by)[1]))


def _fit(counts: Floats, seconds: Floats, kin: Sequence[int], shrinkage: float) -> tuple[float, Floats]:
    from scipy.optimize import nnls

    families = np.eye(max(kin, default=-1) + 1)[list(kin)]
    scale = float(np.median(seconds))
    times = np.hstack([np.ones((len(counts), 1)), counts @ families, counts]) * (scale / seconds)[:, None]
    least = np.repeat([_RIDGE, shrinkage], families.shape[::-1]) ** 0.5
    held = np.hstack([np.zeros((len(least), 1)), np.diag(least)])
    target = np.concatenate([np.ones(len(times)), np.zeros(len(held))])
    solved, _ = nnls(np.vstack([times, held]), target, maxiter=100 * times.shape[1])
    constant, common, own = np.split(solved, [1, 1 + families.shape[1]])
    return float(scale * constant[0]), scale * (families @ common + own)


def predicted(fit: tuple[float, Floats], counts: Floats) -> Floats:
    """(networks,) seconds that a fit predicts."""
    seconds: Floats = fit[0] + counts @ fit[1]
    return seconds


def held_out_error(counts: Floats, seconds: Floats, kin: Sequence[int]) -> float | None:
    """By what share predictions are off, in the median, for networks that they were not fitted to.

    None for fewer networks than the folds of the cross-validation. Of the ways to shrink, it is the error of the best,
    so it is slightly too low.
    """
    if len(seconds) < _FOLDS:
        return None
    return min((_left_out(counts, seconds, kin, by) for by in _SHRINKAGES), key=lambda errors: errors[1])[0]


def _left_out(counts: Floats, seconds: Floats, kin: Sequence[int], shrinkage: float) -> tuple[float, float]:
    """The median, and the mean square, of the relative errors for networks that are left out of the fit."""
    fold, errors = np.arange(len(seconds)) % _FOLDS, np.zeros(len(seconds))
    for number in range(_FOLDS):
        out = fold == number
        fit = _fit(counts[~out], seconds[~out], kin, shrinkage)
        errors[out] = predicted(fit, counts[out]) / seconds[out] - 1
    return float(np.median(np.abs(errors))), float(np.mean(errors**2))
