"""The architectures of a front: one supernet that is decided at several costs at once."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.optim import Adam

from qnas.core.files.state import State
from qnas.core.network import Supernet
from qnas.core.search.outcome import FrontPoint
from qnas.core.search.task import SearchTask
from qnas.plugins.searchers.alpha import BETAS, Alpha

_STREAM = "front"


class FrontAlpha(Alpha):
    """An alpha for each point of a front, with its multipliers; they share the weights of the supernet.

    Each step trains one point, so that all have taken as many steps after each round; the order within a round is
    random. At point k of K, alpha is A + t_k B + C_k, where t_k rises from -1 to 1: what all have in common, what
    follows the cost, and what is the point's own.

    Args:
        supernet: Whose alpha it sets.
        levels: The search at each point, the tightest limit first.
        steps: Steps that all alphas take together.
        learning_rate: Of Adam.
    """

    def __init__(self, supernet: Supernet, levels: Sequence[SearchTask], steps: int, learning_rate: float) -> None:
        self.supernet = supernet
        self.levels = levels
        t = torch.linspace(-1, 1, len(levels))
        self._mixing = torch.cat([torch.ones(len(levels), 1), t[:, None], torch.eye(len(levels))], dim=1).to(
            supernet.alpha
        )  # (points, parts)
        start = supernet.alpha.detach()
        self._parts = nn.Parameter(start.new_zeros(self._mixing.shape[1], *start.shape))
        self._parts.data[0] = start
        self.optimizer = Adam([self._parts], lr=learning_rate, betas=BETAS)
        self._multipliers = [level.multipliers(max(steps // len(levels), 1)) for level in levels]
        self._at = len(levels) - 1

    def begin(self, step: int) -> None:
        """See :meth:`Alpha.begin`."""
        turn, place = divmod(step - 1, len(self.levels))
        self._put(int(self.levels[0].stream(_STREAM, turn).permutation(len(self.levels))[place]))

    def end(self) -> None:
        """See :meth:`Alpha.end`: at the dearest point."""
        self._put(len(self.levels) - 1)

    def zero_grad(self) -> None:
        """See :meth:`Alpha.zero_grad`."""
        self.supernet.alpha.grad = None

    def step(self) -> None:
        """See :meth:`Alpha.step`."""
        self._parts.grad = torch.einsum("p,sc->psc", self._mixing[self._at], self.supernet.alpha.grad)
        self.optimizer.step()
        self._put(self._at)

    def points(self) -> list[FrontPoint]:
        """The most probable network at each point that keeps to its limits."""
        found = []
        for place, level in enumerate(self.levels):
            self._put(place)
            found.append(FrontPoint.of(level, self.supernet.logits()))
        return found

    def state(self) -> State:
        """See :meth:`Alpha.state`."""
        return {"parts": self._parts.detach(), "multipliers": [own.values for own in self._multipliers]}

    def load(self, state: State) -> None:
        """See :meth:`Alpha.load`."""
        self._parts.data.copy_(state["parts"])
        for own, values in zip(self._multipliers, state["multipliers"], strict=True):
            own.values = values.to(own.values)

    @torch.no_grad()
    def _put(self, place: int) -> None:
        """Give the supernet the alpha of a point."""
        self._at = place
        self.multipliers = self._multipliers[place]
        own: Tensor = torch.einsum("p,psc->sc", self._mixing[place], self._parts)
        self.supernet.alpha.copy_(own)
