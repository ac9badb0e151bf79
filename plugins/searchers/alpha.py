"""The architecture of a search by gradient: the parameters that move, and what leads them to the limits."""

from torch.optim import Adam

from qnas.core.files.state import State
from qnas.core.network import Supernet
from qnas.core.search.limits.multipliers import Multipliers
from qnas.core.search.outcome import FrontPoint
from qnas.core.search.task import SearchTask

BETAS = (0.5, 0.999)


class Alpha:
    """The alpha of a supernet, with its optimizer and its multipliers.

    Args:
        supernet: Whose alpha it is.
        task: The search.
        steps: Steps that alpha takes in the whole search.
        learning_rate: Of Adam.

    Attributes:
        optimizer: Of what decides alpha.
        multipliers: What leads alpha to the limits of the current step; None without limits.
    """

    def __init__(self, supernet: Supernet, task: SearchTask, steps: int, learning_rate: float) -> None:
        self.supernet = supernet
        self.optimizer = Adam([supernet.alpha], lr=learning_rate, betas=BETAS)
        self.multipliers: Multipliers | None = task.multipliers(steps) if task.limits else None

    def begin(self, step: int) -> None:
        """Set the supernet up for a step, counted from 1."""

    def end(self) -> None:
        """Set the supernet up to be judged."""

    def points(self) -> list[FrontPoint]:
        """The networks of the front, the tightest limit first, after which it is as after :meth:`end`; else none."""
        return []

    def zero_grad(self) -> None:
        """Forget the gradient."""
        self.optimizer.zero_grad()

    def step(self) -> None:
        """Follow the gradient of the supernet's alpha."""
        self.optimizer.step()

    def state(self) -> State:
        """What a checkpoint keeps of it, beside network and optimizer."""
        return {"multipliers": self.multipliers.values} if self.multipliers else {}

    def load(self, state: State) -> None:
        """Go on from such a state."""
        if self.multipliers:
            self.multipliers.values = state["multipliers"].to(self.multipliers.values)
