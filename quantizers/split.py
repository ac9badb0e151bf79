"""One quantizer for weights and another for activations."""

from collections.abc import Sequence
from typing import Self

from pydantic import model_validator

from qnas.core.components import FakeQuantizer, Mixture, Quantizer
from qnas.core.settings import invalid


class Split(Quantizer):
    """Weights by one quantizer, activations by another: by default LSQ and HWGQ, as in QuantNAS's code.

    Attributes:
        weights: Quantizer of weights.
        activations: Quantizer of activations.
    """

    weights: Quantizer = "lsq"  # type: ignore[assignment]
    activations: Quantizer = "hwgq"  # type: ignore[assignment]

    def fake_quantizer(self, bits: int, *, signed: bool, channels: int | None = None) -> FakeQuantizer:
        """See :meth:`qnas.Quantizer.fake_quantizer`."""
        return self._of(channels).fake_quantizer(bits, signed=signed, channels=channels)

    def mixture(self, bits: Sequence[int], *, signed: bool, channels: int | None = None) -> Mixture:
        """See :meth:`qnas.Quantizer.mixture`."""
        return self._of(channels).mixture(bits, signed=signed, channels=channels)

    def _of(self, channels: int | None) -> Quantizer:
        return self.activations if channels is None else self.weights

    @model_validator(mode="after")
    def _have_grids(self) -> Self:
        for field in ("weights", "activations"):
            quantizer: Quantizer = getattr(self, field)
            if quantizer.is_float:
                message = "leaves everything in float: for that, set the space's bits to 32"
                invalid(type(self).__name__, f"'{quantizer.label}' {message}", quantizer.label, field)
            if not self.stages <= quantizer.stages:
                message = "has no integer grid: the network would not have the bit-widths that it claims"
                invalid(type(self).__name__, f"'{quantizer.label}' {message}", quantizer.label, field)
        return self
