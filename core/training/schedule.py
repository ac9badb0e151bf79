"""How long, and at which rates, a network is trained."""

from dataclasses import dataclass

from qnas.core.training.optimizer import ONE_RATE, OwnRates
from qnas.core.training.settings import OnDivergence


@dataclass(frozen=True)
class Schedule:
    """How to train.

    Attributes:
        steps: Optimizer steps.
        learning_rate: Of Adam at the start; it falls to 0 along a cosine.
        validations: How many times, evenly spread, the network is validated; the last is at the end.
        clip: Largest norm of the gradient.
        on_divergence: What to do when the loss is not a finite number.
        own: Rates of scalars and of quantizers' steps, which fall in the same way.
    """

    steps: int
    learning_rate: float
    validations: int = 1
    clip: float = 5.0
    on_divergence: OnDivergence = "stop"
    own: OwnRates = ONE_RATE
