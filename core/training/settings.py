"""What a spec says of training."""

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
            the weights, as published. A scalar needs more where there are few steps: Adam moves it by about the rate
            in each, whatever its size.
        step_learning_rate: Of what quantizers learn, such as steps; by default that of the weights.
        init: ``scratch``, as published: from weights that the search has not touched; or from those that it left, of
            the ``supernet``. For the space ``module``, ``scratch`` is what its ``weights`` says: fresh weights, the
            module's own, or those of your file, which the training then goes on from.
        validations: How many times the network is validated; the best is kept.
        clip: Largest norm of the gradient.
        on_divergence: Whether to ``stop`` when the loss is no finite number, or to go back to the last validation and
            halve the learning rate (``lower-rate``), 5 times at most.
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
