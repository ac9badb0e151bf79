"""The settings of training in a spec."""

from typing import Literal

from pydantic import PositiveFloat

from qnas.core.settings import Amount, Settings

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
        init: What training starts from: ``scratch``, as published, or the weights that the ``supernet`` had when the
            search found the network. For the space ``module``, ``scratch`` means what its ``weights`` says: fresh
            weights, the module's own, or those of your file.
        validations: How many times the network is validated; the best is kept.
        clip: Largest norm of the gradient.
        on_divergence: Whether to ``stop`` when the loss is not finite, or to go back to the last validation and halve
            the learning rate (``lower-rate``), at most 5 times.
    """

    steps: Amount = 3000
    batch: Amount = 16
    learning_rate: PositiveFloat = 1e-3
    scalar_learning_rate: PositiveFloat | None = None
    step_learning_rate: PositiveFloat | None = None
    init: Literal["scratch", "supernet"] = "scratch"
    validations: Amount = 10
    clip: PositiveFloat = 5.0
    on_divergence: OnDivergence = "stop"
