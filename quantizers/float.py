"""No quantization: float networks, for comparison."""

from typing import ClassVar

from qnas.core.components import FakeQuantizer, Quantizer, Unquantized


class NoQuantizer(Quantizer):
    """Leaves every tensor in float; a layer counts as 32 x 32 bits, whatever its bit-width."""

    is_float: ClassVar[bool] = True

    def fake_quantizer(self, bits: int, *, signed: bool, channels: int | None = None) -> FakeQuantizer:
        """The tensor as it is."""
        del bits, signed, channels
        return Unquantized()
