"""The interface of quantizers: fake quantization of one tensor, alone and as a mixture over bit-widths."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal, NamedTuple

from torch import Tensor, nn

from qnas.core.components.component import Component
from qnas.core.settings.bits import FLOAT_BITS


def integer_range(bits: int, signed: bool) -> tuple[int, int]:
    """The smallest and largest integer of a grid: -8..7 for 4 bits signed, 0..15 unsigned."""
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)


class Grid(NamedTuple):
    """A uniform integer grid: the values ``step * k + offset`` for ``q_min <= k <= q_max``.

    ``step`` has one element, or (C_out, 1, 1, 1) for weights quantized per output channel. ``offset`` is 0 but for
    asymmetric quantizers of activations, where it has one element. An offset of whole steps is what integer kernels
    call the zero point ``-offset / step``. With any other, zero is not on the grid, not even the zeros that a
    convolution pads with: then the offset has to be added in float, before the padding.
    """

    step: Tensor
    q_min: int
    q_max: int
    offset: Tensor | float = 0.0


class FakeQuantizer(nn.Module, ABC):
    """Rounds a float tensor to a grid and passes gradients through. Its ``forward`` never waits for the device.

    Attributes:
        headroom: By how much calibration multiplies what it observes, for tensors whose later values may be larger.
    """

    headroom: float = 1.0

    @abstractmethod
    def forward(self, tensor: Tensor) -> Tensor:
        """``tensor`` with its values on the grid."""

    @abstractmethod
    def grid(self) -> Grid:
        """The grid that :meth:`forward` rounds to."""

    def normalise(self, tensor: Tensor) -> Tensor:
        """What :meth:`forward` rounds: ``tensor`` itself, unless it is mapped first, as DoReFa maps weights."""
        return tensor

    def observe(self, tensor: Tensor) -> None:
        """Set the state up for tensors like this one; called once, before training."""


class Unquantized(FakeQuantizer):
    """Leaves the tensor as it is: what 32 bits stand for."""

    def forward(self, tensor: Tensor) -> Tensor:
        """``tensor`` itself."""
        return tensor

    def grid(self) -> Grid:
        """Raises ``ValueError``: float values lie on no integer grid."""
        raise ValueError("a float tensor has no integer grid")


class Mixture(nn.Module, ABC):
    """One tensor as it stands at several bit-widths at once, each with its probability."""

    @abstractmethod
    def forward(self, tensor: Tensor, probabilities: Tensor) -> Tensor:
        """``sum_b p_b Q_b(tensor)``, or what stands for it.

        Args:
            tensor: Float values.
            probabilities: (bit-widths,), each at least 0; they sum to 1.
        """


class WeightedSum(Mixture):
    """The plain mixture ``sum_b p_b Q_b(t)``, which works for every quantizer."""

    def __init__(self, quantizers: Sequence[FakeQuantizer]) -> None:
        super().__init__()
        self.quantizers = nn.ModuleList(quantizers)

    def forward(self, tensor: Tensor, probabilities: Tensor) -> Tensor:
        """See :meth:`Mixture.forward`."""
        terms = [p * quantizer(tensor) for p, quantizer in zip(probabilities, self.quantizers, strict=True)]
        total: Tensor = sum(terms[1:], terms[0])
        return total


class Quantizer(Component):
    """Makes fake quantizers. An author writes :meth:`fake_quantizer`; searching with it comes for free.

    Attributes:
        stages: Where it can be used. Only a quantizer with an integer grid may train the found network, as
            otherwise the network would not be what its bit-widths say.
        signed: Whether activations that can't be negative get signed integers too, as runtimes need that know no
            others. The negative half of their levels is then unused.
    """

    kind = "quantizer"
    stages: ClassVar[frozenset[Literal["search", "train"]]] = frozenset({"search", "train"})
    is_float: ClassVar[bool] = False
    """Whether it leaves everything in float, so that a layer counts as 32 bits whatever its width says."""
    signed: bool = False

    @abstractmethod
    def fake_quantizer(self, bits: int, *, signed: bool, channels: int | None = None) -> FakeQuantizer:
        """The fake quantizer of one tensor.

        Args:
            bits: 2 to 16.
            signed: Whether the tensor has negative values.
            channels: For weights (C_out, C_in / groups, k_h, k_w): their output channels. None for activations.
        """

    def mixture(self, bits: Sequence[int], *, signed: bool, channels: int | None = None) -> Mixture:
        """The mixture over several bit-widths of one tensor; the arguments as for :meth:`fake_quantizer`."""
        return WeightedSum([self.at(b, signed=signed, channels=channels) for b in bits])

    def at(self, bits: int, *, signed: bool, channels: int | None = None) -> FakeQuantizer:
        """:meth:`fake_quantizer`, with 32 bits meaning float, and of signed integers if all are to be signed."""
        if bits == FLOAT_BITS:
            return Unquantized()
        return self.fake_quantizer(bits, signed=signed or self.signed, channels=channels)
