"""Which quantizers a spec uses: those of the search and of the found network, and the bits between its slots."""

from typing import Self

from pydantic import model_validator

from qnas.core.components import Quantizer, Target
from qnas.core.settings import BetweenBits, Settings, invalid


class QuantizerChoice(Settings):
    """The quantizers of the two stages.

    Attributes:
        search: Quantizer during the search.
        train: Quantizer of the found network; it must have an integer grid, or be ``none``.
        between: Bits of what stands between the slots of the found network, such as sums: 8 or 16, or null for float.
            By default what the spec's target needs to be fast, and float without a target.
    """

    search: Quantizer = "noise"  # type: ignore[assignment]
    train: Quantizer = "lsq"  # type: ignore[assignment]
    between: BetweenBits | None = None

    @model_validator(mode="after")
    def _stages(self) -> Self:
        for stage in ("search", "train"):
            quantizer: Quantizer = getattr(self, stage)
            if stage not in quantizer.stages:
                why = "it has no integer grid, so the network would not have the bit-widths that it claims"
                invalid("QuantizerChoice", f"'{quantizer.label}' can't {stage}: {why}", quantizer.label, stage)
        return self

    def suited(self, target: Target) -> Self:
        """A copy in which the target decides what is left open."""
        chosen: dict[str, object] = {stage: self._signed(stage) for stage in ("search", "train") if target.signed}
        if "between" not in self.model_fields_set:
            chosen["between"] = target.fills
        return self.model_copy(update=chosen)

    def _signed(self, stage: str) -> Quantizer:
        quantizer: Quantizer = getattr(self, stage)
        is_open = "signed" not in quantizer.model_fields_set
        return quantizer.model_copy(update={"signed": True}) if is_open else quantizer
