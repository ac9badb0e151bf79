"""How long, and at which rates, a network is trained."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from qnas.core.training.optimizer import ONE_RATE, OwnRates
from qnas.core.training.settings import Calibration, OnDivergence


@dataclass(frozen=True)
class Schedule:
    """How to train.

    Attributes:
        steps: Optimizer steps; 0 to validate a network as it is.
        learning_rate: Of Adam at the start; it falls to 0 along a cosine.
        validations: How many times, evenly spread, the network is validated; the last is at the end.
        clip: Largest norm of the gradient.
        on_divergence: What to do when the loss is not a finite number.
        own: Rates of scalars and of quantizers' steps, which rise and fall in the same way.
        warmup: Steps at the start in which the rates rise linearly; the cosine begins after them.
        weight_decay: Of kernels and matrices, decoupled from the gradient (AdamW).
        accumulate: Parts of a batch that are computed one after the other, to save memory. Their gradients are added
            up, so that a step is that of the whole batch.
        ema: What the moving average keeps of itself in a step, in 0..1; None for no average. Where there is one, it is
            what is validated and kept.
        patches: After so many steps, patches have that height and width; before the first, those of the sampler.
        calibration: What quantizers are set up by: tensors of the network in ``float``, or ``quantized`` ones.
    """

    steps: int
    learning_rate: float
    validations: int = 1
    clip: float = 5.0
    on_divergence: OnDivergence = "stop"
    own: OwnRates = ONE_RATE
    warmup: int = 0
    weight_decay: float = 0.0
    accumulate: int = 1
    ema: float | None = None
    patches: Mapping[int, int] = field(default_factory=dict)
    calibration: Calibration = "quantized"

    def patch_after(self, steps: int) -> int | None:
        """Height and width of the patches of the step after ``steps``; None for the sampler's own."""
        begun = [start for start in self.patches if start <= steps]
        return self.patches[max(begun)] if begun else None
