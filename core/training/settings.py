"""The settings of training in a spec."""

import itertools
from typing import Annotated, Literal, Self

from pydantic import Field, PositiveFloat, field_validator, model_validator

from qnas.core.components.loss_terms import LossTerms
from qnas.core.deprecation import DeprecatedField
from qnas.core.settings import Amount, Settings, invalid

Start = Literal["scratch", "weights", "float", "supernet"]
OnDivergence = Literal["stop", "lower-rate"]


class Training(Settings):
    """The training of the found network.

    Attributes:
        steps: Optimizer steps.
        batch: Patches in a batch.
        learning_rate: Of Adam at the start; it falls to 0 along a cosine.
        scalar_learning_rate: Of learned scalars outside of layers, such as ADQ's slope and offset; by default that of
            the weights, as published. Short trainings need more: each step of Adam moves a scalar by about the rate,
            whatever its size.
        step_learning_rate: Of what quantizers learn, such as steps; by default that of the weights.
        start: What training starts from: fresh weights (``scratch``), as published; the ``weights`` that the space
            states, such as those of your file; those of the found network once it is trained in ``float``; or those
            that the ``supernet`` had when the search found the network. By default ``weights`` where the space states
            some, and else ``scratch``.
        float_steps: Optimizer steps of the training in float; by default as many as ``steps``.
        narrowing: Bits that quantizers with fewer have first, from wide to narrow: with ``[8, 6]``, a third of the
            steps is trained at 8 bits, a third at 6 and the rest at the found widths. Each third has a cosine of its
            own.
        validations: How many times the network is validated; the best is kept.
        clip: Largest norm of the gradient.
        on_divergence: Whether to ``stop`` when the loss is not finite, or to go back to the last validation and halve
            the learning rate (``lower-rate``), at most 5 times.
        loss: What is minimized, in place of the spec's ``loss``.
    """

    deprecated_fields = {
        "init": DeprecatedField("0.2", "start", lambda value: None if value == "scratch" else value),
    }

    steps: Amount = 3000
    batch: Amount = 16
    learning_rate: PositiveFloat = 1e-3
    scalar_learning_rate: PositiveFloat | None = None
    step_learning_rate: PositiveFloat | None = None
    start: Start | None = None
    float_steps: Amount | None = None
    narrowing: tuple[Annotated[int, Field(ge=2, le=16)], ...] = ()
    validations: Amount = 10
    clip: PositiveFloat = 5.0
    on_divergence: OnDivergence = "stop"
    loss: LossTerms | None = None

    @field_validator("narrowing")
    @classmethod
    def _narrows(cls, widths: tuple[int, ...]) -> tuple[int, ...]:
        if any(later >= earlier for earlier, later in itertools.pairwise(widths)):
            raise ValueError("each width must be less than the one before")
        return widths

    @model_validator(mode="after")
    def _has_steps_for_each_width(self) -> Self:
        if len(self.narrowing) >= self.steps:
            invalid("Training", f"has more widths than there are steps ({self.steps})", self.narrowing, "narrowing")
        return self
