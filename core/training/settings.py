"""The settings of training in a spec."""

import itertools
import re
from fractions import Fraction
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    field_validator,
    model_validator,
)

from qnas.core.components.losses.loss_terms import LossTerms
from qnas.core.deprecation import DeprecatedField
from qnas.core.images.settings import Patch
from qnas.core.settings import Amount, Count, FrozenDict, Settings, invalid

Start = Literal["scratch", "weights", "float", "supernet"]
OnDivergence = Literal["stop", "lower-rate"]
Calibration = Literal["float", "quantized"]

_SHARE = re.compile(r"\d{1,2}(\.\d+)?%")


def _shares(patches: dict[str, Any]) -> FrozenDict[Any]:
    for when in patches:
        if not _SHARE.fullmatch(when):
            raise ValueError(f"a size begins after a share of the steps below 100%, such as 50%, not after {when!r}")
    return FrozenDict(patches)


Patches = Annotated[
    dict[str, Patch],
    AfterValidator(_shares),
    Field(json_schema_extra={"propertyNames": {"pattern": f"^{_SHARE.pattern}$"}}),
]
"""Maps shares of the steps to the height and width of the patches from there on."""


class Training(Settings):
    """The training of the found network.

    Attributes:
        steps: Optimizer steps; 0 trains nothing: the quantizers of what it starts from are calibrated on a batch.
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
        calibration: What quantizers are set up by, where they begin: the tensors of the network in ``float``, or
            ``quantized`` ones, in which each quantizer sees what those before it leave. By default ``float`` where
            nothing is trained, and else ``quantized``.
        validations: How many times the network is validated; the best is kept.
        clip: Largest norm of the gradient.
        on_divergence: Whether to ``stop`` when the loss is not finite, or to go back to the last validation and halve
            the learning rate (``lower-rate``), at most 5 times.
        loss: What is minimized, in place of the spec's ``loss``.
        ema: What an exponential moving average of the network keeps of itself in a step, such as 0.999; by default
            there is none. Where there is one, it is what is validated, kept and judged.
        accumulate: Batches in a step: one is computed after the other, so that a step needs the memory of one. The
            result is that of a batch so many times as large, where nothing is normalized by the batch.
        learning_rate_warmup: Steps at the start in which the learning rates rise linearly; the cosine begins after
            them.
        weight_decay: Of kernels and matrices, decoupled from the gradient (AdamW): each step takes this share of them,
            times the learning rate. Biases, gains, scalars and what quantizers learn don't decay.
        patches: Sizes of patches by the share of the steps after which they begin, such as ``{50%: 48}``; before the
            first, ``data.patch``.
    """

    deprecated_fields = {
        "init": DeprecatedField("0.2", "start", lambda value: None if value == "scratch" else value),
    }

    steps: Count = 3000
    batch: Amount = 16
    learning_rate: PositiveFloat = 1e-3
    scalar_learning_rate: PositiveFloat | None = None
    step_learning_rate: PositiveFloat | None = None
    start: Start | None = None
    float_steps: Amount | None = None
    narrowing: tuple[Annotated[int, Field(ge=2, le=16)], ...] = ()
    calibration: Calibration | None = None
    validations: Amount = 10
    clip: PositiveFloat = 5.0
    on_divergence: OnDivergence = "stop"
    loss: LossTerms | None = None
    ema: Annotated[float, Field(gt=0, lt=1)] | None = None
    accumulate: Amount = 1
    learning_rate_warmup: NonNegativeInt = 0
    weight_decay: NonNegativeFloat = 0.0
    patches: Patches = {}

    @field_validator("narrowing")
    @classmethod
    def _narrows(cls, widths: tuple[int, ...]) -> tuple[int, ...]:
        if any(later >= earlier for earlier, later in itertools.pairwise(widths)):
            raise ValueError("each width must be less than the one before")
        return widths

    @model_validator(mode="after")
    def _has_steps_for_each_width(self) -> Self:
        if self.narrowing and len(self.narrowing) >= self.steps:
            invalid("Training", f"has more widths than there are steps ({self.steps})", self.narrowing, "narrowing")
        return self

    @model_validator(mode="after")
    def _within_the_steps(self) -> Self:
        warmup, steps = self.learning_rate_warmup, self.steps
        if warmup and warmup >= steps:
            what = f"must leave a step at the full rate, of {steps} (got {warmup})"
            invalid("Training", what, warmup, "learning_rate_warmup")
        if len(self.patch_after(steps)) < len(self.patches):
            invalid(
                "Training", f"two of its sizes begin after the same of {steps} steps", dict(self.patches), "patches"
            )
        return self

    @property
    def calibrated_by(self) -> Calibration:
        """What quantizers are set up by."""
        return self.calibration or ("quantized" if self.steps else "float")

    def patch_after(self, steps: int) -> dict[int, int]:
        """Maps numbers of steps to the height and width of the patches after them, of a training of ``steps``."""
        return {int(steps * Fraction(when[:-1]) / 100): size for when, size in self.patches.items()}
