"""The settings of a search by gradient."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, model_validator

from qnas.core.components import Space
from qnas.core.network import Form
from qnas.core.search.front_searcher import FrontSearcher
from qnas.core.settings import Amount, invalid
from qnas.core.training.settings import OnDivergence
from qnas.plugins.searchers.relaxation import Relaxation

Update = Literal["alternating", "joint"]


class GradientSettings(FrontSearcher):
    """The settings of a search by gradient.

    Attributes:
        steps: Iterations, each one step on alpha and one on the weights.
        update: Whether alpha and the weights take their steps in turn, each on its own half of the training images
            (``alternating``, as published), or both from the gradients of one batch of all training images
            (``joint``, as in EdMIPS), which computes half as much.
        epochs: Number of equal parts of the search; after each, the architecture is judged.
        warmup: Epochs at the start in which alpha is frozen.
        relaxation: How alpha becomes probabilities.
        temperature: At the start of the search.
        final_temperature: At its end; it falls geometrically in between.
        learning_rate: Of Adam for the weights; it falls to 0 along a cosine.
        scalar_learning_rate: Of learned scalars outside of layers, such as ADQ's slope and offset; by default that of
            the weights, as published. Short trainings need more: each step of Adam moves a scalar by about the rate,
            whatever its size.
        step_learning_rate: Of what quantizers learn, such as steps; by default that of the weights.
        weight_decay: Of the weights.
        clip: Largest norm of the weights' gradient.
        alpha_learning_rate: Of Adam (betas 0.5, 0.999) for alpha.
        on_divergence: Whether to ``stop`` when the loss is not finite, or to go back to the last epoch's end and
            halve the learning rates (``lower-rate``), at most 5 times.
        tie: Two candidates whose probabilities differ by less are reported as a tie.
        start: Where the architecture starts: all candidates of a slot alike (``uniform``), or those ahead that add the
            least to the error of a network with float weights by themselves (``sensitivity``).
        form: ``merged`` computes all convolutions of a slot as one, ``plain`` one by one, for comparison.
    """

    steps: Amount = 2000
    update: Update = "alternating"
    epochs: Amount = 20
    warmup: NonNegativeInt = 0
    relaxation: Relaxation = "softmax"
    temperature: PositiveFloat = 1.0
    final_temperature: PositiveFloat = 1.0
    learning_rate: PositiveFloat = 1e-3
    scalar_learning_rate: PositiveFloat | None = None
    step_learning_rate: PositiveFloat | None = None
    weight_decay: NonNegativeFloat = 3e-8
    clip: PositiveFloat = 5.0
    alpha_learning_rate: PositiveFloat = 3e-4
    on_divergence: OnDivergence = "stop"
    tie: Annotated[float, Field(ge=0, le=1)] = 0.05
    start: Literal["uniform", "sensitivity"] = "uniform"
    form: Form = "merged"

    @model_validator(mode="after")
    def _whole_epochs(self) -> Self:
        if self.epochs > self.steps:
            invalid(
                "search",
                f"must be at most the number of steps, {self.steps} (got {self.epochs})",
                self.epochs,
                "epochs",
            )
        if self.warmup >= self.epochs:
            invalid(
                "search",
                f"must leave an epoch to search in, of {self.epochs} (got {self.warmup})",
                self.warmup,
                "warmup",
            )
        return self

    def planned_steps(self) -> int:
        """See :meth:`qnas.Searcher.planned_steps`."""
        return self.steps

    def unfit(self, space: Space, limits: Mapping[str, int]) -> str:
        """See :meth:`qnas.Searcher.unfit`."""
        del limits
        if self.start == "uniform" or space.has_weights:
            return ""
        return f"can't start by sensitivity: the space '{space.known_as}' states no weights"
