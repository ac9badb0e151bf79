"""A regularizer: a penalty on the architecture while it is searched."""

from pydantic import NonNegativeInt
from torch import Tensor

import qnas


class MyRegularizer(qnas.Regularizer):
    """The sum of p (1 - p) over all candidates: 0 once every slot is sure of one.

    Attributes:
        begin: The epoch that it sets in at, from 0.
    """

    begin: NonNegativeInt = 0

    def penalty(self, state: qnas.SearchState) -> Tensor:
        """See :meth:`qnas.Regularizer.penalty`."""
        unsure = (state.probabilities * (1 - state.probabilities)).sum()
        return unsure * (state.epoch >= self.begin)
