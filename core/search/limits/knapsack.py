"""The best choice under limits: a multiple-choice knapsack, solved exactly."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from qnas.core.errors import QnasError

Table = Sequence[Sequence[float]]
"""A number for each candidate of each choice."""
_Floats = NDArray[np.float64]

_WIDTHS = (1_000, 20_000, 200_000)
"""How many partial networks are kept, each tried if the one before cut some off."""
_INFEASIBLE = 2  # of scipy's codes
_ROUNDING = 1e-12  # of sums of scores, as a share of what they range over


def best_choice(scores: Table, limited: Sequence[tuple[Table, float]]) -> list[int] | None:
    """The number of the candidate of each choice with the highest sum of scores within all limits; None without any.

    Args:
        scores: Of each candidate of each choice.
        limited: Prices in whole numbers, shaped as ``scores``, and the most that their sum may be.

    Raises:
        QnasError: There are too many choices to find one within several limits.

    Note:
        Not by :func:`scipy.optimize.milp`: it computes with tolerances of a millionth, by which its choices exceeded
        limits, and were not the best in 1 % of random problems whose prices range over many orders of magnitude. Here
        the choice is the best, unless more than 200,000 partial networks could still become it (seen with three limits
        at once on 100 choices); then it is the best of those whose bounds are highest.
    """
    first = [int(np.argmax(row)) for row in scores]
    return first if keeps(first, limited) else _Knapsack(scores, limited).solved()


def keeps(chosen: Sequence[int], limited: Sequence[tuple[Table, float]]) -> bool:
    """Whether a choice keeps to all limits; exact, as prices are whole numbers."""
    return all(total(chosen, prices) <= limit for prices, limit in limited)


def total(chosen: Sequence[int], table: Table) -> float:
    """The sum over a choice."""
    return sum(row[candidate] for row, candidate in zip(table, chosen, strict=True))


@dataclass(frozen=True)
class _Partial:
    """Networks of which the first choices are made.

    Attributes:
        scores: (n,) what they have so far, below the best candidate of each choice.
        spare: (n, limits) what the limits leave beside the cheapest candidates.
        taken: (n, choices so far) numbers of the candidates.
    """

    scores: _Floats
    spare: _Floats
    taken: NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.scores)

    def pick(self, which: NDArray[np.generic]) -> "_Partial":
        """Some of them."""
        return _Partial(self.scores[which], self.spare[which], self.taken[which])

    def extend(self, scores: _Floats, prices: _Floats) -> "_Partial":
        """Each with each candidate of the next choice, as far as the limits allow."""
        spare = self.spare[:, None] - prices  # (n, candidates, limits)
        before, candidate = np.nonzero((spare >= 0).all(axis=2))
        taken = np.column_stack([self.taken[before], candidate.astype(np.int16)])
        return _Partial(self.scores[before] + scores[candidate], spare[before, candidate], taken)

    def undominated(self) -> "_Partial":
        """Those that no other equals or beats in both score and spare, if there is one limit; else all."""
        if self.spare.shape[1] > 1:
            return self
        order = np.lexsort((-self.scores, -self.spare[:, 0]))  # most spare first
        best_before = np.maximum.accumulate(np.concatenate([[-math.inf], self.scores[order][:-1]]))
        return self.pick(order[self.scores[order] > best_before])


class _Knapsack:
    """One problem, whose choices are made one after the other.

    A partial network is kept unless it exceeds a limit, another is as good in all respects, or its bound is below the
    score of a network that is known. The bound is Lagrange's, with the multipliers of the linear relaxation.
    """

    def __init__(self, scores: Table, limited: Sequence[tuple[Table, float]]) -> None:
        own = [np.array(row, dtype=float) for row in scores]
        prices = [np.array([table[s] for table, _ in limited], dtype=float).T for s in range(len(own))]
        cheapest = [of.min(axis=0) for of in prices]
        self._spare = np.array([limit for _, limit in limited], dtype=float) - sum(cheapest)
        self._scores = [row - row.max() for row in own]
        self._prices = [of - low for of, low in zip(prices, cheapest, strict=True)]

    def solved(self) -> list[int] | None:
        """The best choice.

        Raises:
            QnasError: There may be one, but none was found.
        """
        if (self._spare < 0).any():
            return None
        known, best = -math.inf, None
        for width in _WIDTHS:
            found, was_cut = self._search(width, known)
            if len(found):
                known, best = float(found.scores[0]), self._in_order(found.taken[0])
            if not was_cut or (best is None and self._is_hopeless):
                return best
        if best is None:
            raise QnasError("no network within the limits was found, though there may be one: raise a limit")
        return best

    def _search(self, width: int, known: float) -> tuple[_Partial, bool]:
        """The best network above the ``known`` score, if any; and whether some were cut off for the width."""
        partial = _Partial(np.zeros(1), self._spare[None], np.zeros((1, 0), dtype=np.int16))
        was_cut = False
        for place, choice in enumerate(self._order):
            partial = partial.extend(self._scores[choice], self._prices[choice])
            bounds = partial.scores + partial.spare @ self._multipliers + self._rest[place + 1]
            partial = partial.pick(bounds > known + self._rounding).undominated()
            if len(partial) > width:
                partial, was_cut = partial.pick(self._promising(partial, width)), True
        return partial.pick(np.argsort(-partial.scores, kind="stable")[:1]), was_cut

    def _promising(self, partial: _Partial, width: int) -> NDArray[np.int64]:
        """Half of the width by bound, half by what the limits leave, so that some keep to all limits to the end."""
        bounds = partial.scores + partial.spare @ self._multipliers
        left = (partial.spare / np.maximum(self._spare, 1)).sum(axis=1)
        keys = (np.argsort(-key, kind="stable")[: width // 2] for key in (bounds, left))
        return np.unique(np.concatenate(list(keys)))

    def _in_order(self, taken: NDArray[np.int16]) -> list[int]:
        numbers = dict(zip(self._order, taken.tolist(), strict=True))
        return [numbers[choice] for choice in range(len(self._order))]

    @property
    def _multipliers(self) -> _Floats:
        """What a unit of each price is worth in the linear relaxation; any that are not negative give a bound."""
        return self._relaxed[0]

    @property
    def _is_hopeless(self) -> bool:
        """Whether not even parts of candidates keep to the limits."""
        return self._relaxed[1]

    @cached_property
    def _relaxed(self) -> tuple[_Floats, bool]:
        from scipy.optimize import linprog

        owners = np.repeat(np.arange(len(self._scores)), [len(row) for row in self._scores])
        scale = np.maximum(self._spare, 1)
        solved = linprog(
            -np.concatenate(self._scores),
            A_ub=np.concatenate(self._prices).T / scale[:, None],
            b_ub=self._spare / scale,
            A_eq=(owners == np.arange(len(self._scores))[:, None]).astype(float),
            b_eq=np.ones(len(self._scores)),
        )
        if solved.status != 0:
            return np.zeros(len(self._spare)), solved.status == _INFEASIBLE
        return np.maximum(-solved.ineqlin.marginals, 0) / scale, False

    @cached_property
    def _worth(self) -> list[_Floats]:
        """The score of each candidate less what its price is worth."""
        return [row - of @ self._multipliers for row, of in zip(self._scores, self._prices, strict=True)]

    @cached_property
    def _order(self) -> list[int]:
        """The choices, those first whose candidates are furthest apart, so that few partial networks remain."""
        gaps = [float(np.sort(row.max() - row)[:2].sum()) for row in self._worth]
        return sorted(range(len(gaps)), key=lambda choice: -gaps[choice])

    @cached_property
    def _rest(self) -> list[float]:
        """What the choices from each place on are worth at most."""
        best = [float(self._worth[choice].max()) for choice in self._order]
        return [sum(best[place:]) for place in range(len(best) + 1)]

    @cached_property
    def _rounding(self) -> float:
        return _ROUNDING * sum(float(-row.min()) for row in self._scores)
