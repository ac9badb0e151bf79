"""Fitting: what the times of whole networks say about their candidates."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_RIDGE = 1e-4
"""What decides where times can't tell: the least."""
_FOLDS = 5


def fit_additive(counts: Floats, seconds: Floats) -> tuple[float, Floats]:
    """The constant, and the time of each candidate, by which networks take the sum over their slots.

    Relative errors are least in the mean square, and no time is negative. A slot is never empty, so what its quickest
    candidate takes can't be told from what lies between: it is part of the constant, and that candidate takes 0. As
    each network tells of all of its candidates at once, all are more certain than by a difference of two networks for
    each (Hotelling 1944, Some improvements in weighing).

    Args:
        counts: (networks, candidates) how often a network has a candidate.
        seconds: (networks,) how long each took.

    Returns:
        The constant, and the times (candidates,), in seconds.
    """
    from scipy.optimize import nnls

    scale = float(np.median(seconds))
    times = np.hstack([np.ones((len(counts), 1)), counts]) * (scale / seconds)[:, None]
    least = _RIDGE**0.5 * np.eye(times.shape[1])[1:]
    target = np.concatenate([np.ones(len(times)), np.zeros(len(least))])
    solved, _ = nnls(np.vstack([times, least]), target, maxiter=100 * times.shape[1])
    return float(scale * solved[0]), scale * solved[1:]


def predicted(fit: tuple[float, Floats], counts: Floats) -> Floats:
    """(networks,) seconds that a fit predicts."""
    seconds: Floats = fit[0] + counts @ fit[1]
    return seconds


def held_out_error(counts: Floats, seconds: Floats) -> float | None:
    """By what share predictions are off, in the median, for networks that they were not fitted to.

    None for fewer networks than the folds of the cross-validation.
    """
    if len(seconds) < _FOLDS:
        return None
    fold, errors = np.arange(len(seconds)) % _FOLDS, np.zeros(len(seconds))
    for number in range(_FOLDS):
        out = fold == number
        fit = fit_additive(counts[~out], seconds[~out])
        errors[out] = np.abs(predicted(fit, counts[out]) / seconds[out] - 1)
    return float(np.median(errors))
