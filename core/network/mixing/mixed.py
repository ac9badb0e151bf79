"""The mixed slot: all candidates of a slot at once, each with its probability.

:class:`MergedSlot` is the fast form that the search uses: all candidates that are one convolution share one
convolution, whatever their number, and the slot's input is quantized once. :class:`PlainSlot` computes operation
by operation and is the reference that tests and benchmarks hold the merged form against.
"""

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from qnas.core.components import (
    Activation,
    ConvShape,
    FakeQuantizer,
    Layers,
    PaddingMode,
    Quantizer,
    SlotShape,
    Unquantized,
    WeightedSum,
    make_activation,
)
from qnas.core.network.candidate import Candidate
from qnas.core.network.convolution import SlotConv2d, outlet
from qnas.core.network.mixing.kernel import KernelMerger
from qnas.core.network.slot import Origin
from qnas.core.settings import Widths

_TINY = 1e-12


class WidthProbabilities:
    """A probability vector over widths that a slot hands to the layers inside an operation."""

    value: Tensor


class WidthMixture(nn.Module):
    """A quantizer's mixture, addressed by pairs of widths of which several may share one bit-width."""

    selector: Tensor | None

    def __init__(self, quantizer: Quantizer, bits: Sequence[int], *, signed: bool, channels: int | None) -> None:
        super().__init__()
        self.bits = sorted(set(bits))
        self.mixture = quantizer.mixture(self.bits, signed=signed, channels=channels)
        selector = torch.tensor([[float(b == d) for d in self.bits] for b in bits])
        self.register_buffer("selector", None if list(bits) == self.bits else selector, persistent=False)

    def at(self, bits: int) -> FakeQuantizer | None:
        """The quantizer of one of the bit-widths, if the mixture has one for each and it is not float."""
        if not isinstance(self.mixture, WeightedSum):
            return None
        quantizer = self.mixture.quantizers[self.bits.index(bits)]
        return quantizer if isinstance(quantizer, FakeQuantizer) and not isinstance(quantizer, Unquantized) else None

    def forward(self, tensor: Tensor, probabilities: Tensor) -> Tensor:
        """``tensor`` mixed by ``probabilities`` (pairs of widths,)."""
        if self.selector is not None:
            # No matrix product: autocast would round the probabilities.
            probabilities = (probabilities[:, None] * self.selector).sum(0)
        result: Tensor = self.mixture(tensor, probabilities)
        return result


class MixedConv2d(SlotConv2d):
    """A convolution at all widths at once: one set of float weights, mixed over their widths.

    Attributes:
        share: Factor for its output, None for 1.
    """

    def __init__(
        self,
        quantizer: Quantizer,
        widths: Sequence[Widths],
        given: WidthProbabilities,
        shape: ConvShape,
        padding_mode: PaddingMode = "zeros",
    ) -> None:
        super().__init__(shape, padding_mode)
        bits = [w.weight for w in widths]
        self.weight_mixture = WidthMixture(quantizer, bits, signed=True, channels=shape.out_channels)
        self.given = given
        self.share: Tensor | None = None

    def forward(self, features: Tensor) -> Tensor:
        """The convolution with its weights mixed by the slot's probabilities."""
        weight, bias = self.weight_mixture(self.kernel(), self.given.value), self.offset()
        if self.share is not None:
            weight, bias = weight * self.share, None if bias is None else bias * self.share
        return self.convolve(features, weight, bias)


class MixedActivation(nn.Module):
    """An activation whose output is mixed over widths by the slot's probabilities."""

    def __init__(
        self,
        activation: Activation,
        quantizer: Quantizer,
        widths: Sequence[Widths],
        given: WidthProbabilities,
        signed: bool,
        channels: int = 1,
    ) -> None:
        super().__init__()
        self.activation = make_activation(activation, channels)
        self.mixture = WidthMixture(quantizer, [w.activation for w in widths], signed=signed, channels=None)
        self.given = given

    def forward(self, features: Tensor) -> Tensor:
        """Same shape in and out."""
        result: Tensor = self.mixture(self.activation(features), self.given.value)
        return result


class MixedLayers(Layers):
    """Makes the layers of an operation at all widths at once."""

    def __init__(
        self,
        quantizer: Quantizer,
        widths: Sequence[Widths],
        given: WidthProbabilities,
        padding_mode: PaddingMode = "zeros",
        *,
        bias: bool = True,
    ) -> None:
        self.quantizer = quantizer
        self.widths = widths
        self.given = given
        self.padding_mode = padding_mode
        self.bias = bias

    def make_conv(self, shape: ConvShape) -> nn.Module:
        """A convolution at all widths."""
        return MixedConv2d(self.quantizer, self.widths, self.given, shape, self.padding_mode)

    def input_activation(self, activation: Activation, signed: bool, channels: int = 1) -> nn.Module:
        """A quantized activation at all widths."""
        return MixedActivation(activation, self.quantizer, self.widths, self.given, signed, channels)


class MixedSlot(nn.Module):
    """A slot that holds all its candidates.

    Attributes:
        candidates: Operation by operation, each at all widths.
        components: The distinct operations of the candidates.
        operations: The module that each of them built.
        probabilities: (candidates,) set before the network runs; at first all are equal.
        origin: What its operations are to start from (see :func:`warm_start`), None for fresh weights.
    """

    probabilities: Tensor
    origin: Origin | None = None

    def __init__(self, shape: SlotShape, candidates: Sequence[Candidate], quantizer: Quantizer) -> None:
        super().__init__()
        self.shape = shape
        self.candidates = list(candidates)
        self.given = WidthProbabilities()
        widths = list(dict.fromkeys(c.widths for c in candidates if c.widths))
        layers = MixedLayers(quantizer, widths, self.given, shape.padding_mode, bias=shape.bias)
        self.components = list(dict.fromkeys(c.operation for c in candidates))
        self.operations = nn.ModuleList(operation.build(shape, layers) for operation in self.components)
        self.is_quantized = [operation.is_quantized_in(shape) for operation in self.components]
        self.sizes = [len(widths) if quantized else 1 for quantized in self.is_quantized]
        entrance = (shape.activation, shape.signed, shape.in_channels)
        self.activation = layers.input_activation(*entrance) if widths else nn.Identity()
        self.probabilities = torch.full((len(self.candidates),), 1 / len(self.candidates))

    def native(self) -> nn.Module | None:
        """The native operation, where it is one of the candidates."""
        pairs = zip(self.components, self.operations, strict=True)
        return next((module for operation, module in pairs if operation.is_native), None)

    def rows(self) -> list[Tensor]:
        """The probabilities of each operation's widths (one number if it has none)."""
        return list(self.probabilities.split(self.sizes))

    def forward(self, features: Tensor) -> Tensor:
        """(N, in_channels, H, W) to (N, out_channels, H / stride, W / stride); or both without N, as for ``Conv2d``."""
        return self.mix(features) if features.dim() != 3 else self.mix(features[None])[0]

    @abstractmethod
    def mix(self, features: Tensor) -> Tensor:
        """``sum_o p_o op_o(x)``: (N, in_channels, H, W) to (N, out_channels, H / stride, W / stride)."""


def conditional(rows: Tensor) -> Tensor:
    """``p_b|o`` of each row over widths; equal shares if an operation's probability is zero."""
    return (rows + _TINY / rows.shape[-1]) / (rows.sum(-1, keepdim=True) + _TINY)


class PlainSlot(MixedSlot):
    """Runs operation by operation, each with its own widths of the activations: the reference."""

    def mix(self, features: Tensor) -> Tensor:
        """See :meth:`MixedSlot.mix`."""
        terms = [self._run(index, row, features) for index, row in enumerate(self.rows())]
        total: Tensor = sum(terms[1:], terms[0])
        return total

    def _run(self, index: int, row: Tensor, features: Tensor) -> Tensor:
        """``p_o op_o(x)``."""
        if self.is_quantized[index]:
            self.given.value = conditional(row)
            features = self.activation(features)
        result: Tensor = row.sum() * self.operations[index](features)
        return result


class MergedSlot(MixedSlot):
    """Runs all candidates that are convolutions as one, on an input that is quantized once."""

    def __init__(self, shape: SlotShape, candidates: Sequence[Candidate], quantizer: Quantizer) -> None:
        super().__init__(shape, candidates, quantizer)
        self.merged = [i for i, operation in enumerate(self.operations) if _is_mergeable(operation)]
        self.beside = [i for i in range(len(self.operations)) if i not in self.merged]
        self.merger = KernelMerger(self._convolutions()) if self.merged else None
        self._outlets = [_mixed(outlet(operation)) for operation in self.operations]

    def _convolutions(self) -> list[MixedConv2d]:
        chosen = (self.operations[i] for i in self.merged)
        return [operation for operation in chosen if isinstance(operation, MixedConv2d)]

    def mix(self, features: Tensor) -> Tensor:
        """See :meth:`MixedSlot.mix`."""
        shares, widths, marginal = self._probabilities()
        quantized = features
        if marginal is not None:
            self.given.value = marginal
            quantized = self.activation(features)
        terms = [self._run_beside(i, shares[i], widths[i], features, quantized) for i in self.beside]
        if self.merger is not None:
            terms.append(self._run_merged(self.merger, shares, widths, quantized))
        total: Tensor = sum(terms[1:], terms[0])
        return total

    def _probabilities(self) -> tuple[list[Tensor], list[Tensor], Tensor | None]:
        """Per operation ``p_o``, then ``p_b|o`` (of one that is not quantized: its row), then the marginal ``p_b``."""
        rows = self.rows()
        quantized = [row for row, is_quantized in zip(rows, self.is_quantized, strict=True) if is_quantized]
        if not quantized:
            return rows, rows, None
        table = torch.stack(quantized)
        sums, conditionals = iter(table.sum(1).unbind()), iter(conditional(table).unbind())
        shares = [next(sums) if is_q else row for is_q, row in zip(self.is_quantized, rows, strict=True)]
        widths = [next(conditionals) if is_q else row for is_q, row in zip(self.is_quantized, rows, strict=True)]
        return shares, widths, conditional(table.sum(0))

    def _run_beside(self, index: int, share: Tensor, widths: Tensor, raw: Tensor, quantized: Tensor) -> Tensor:
        """``p_o op_o(x)`` of one separate operation."""
        operation = self.operations[index]
        if not self.is_quantized[index]:
            passed: Tensor = share * operation(raw)
            return passed
        self.given.value = widths
        outlet = self._outlets[index]
        if outlet is not None:
            outlet.share = share  # scales its kernel, which is far smaller than its output
        result: Tensor = operation(quantized)
        return result if outlet is not None else share * result

    def _run_merged(
        self, merger: KernelMerger, shares: Sequence[Tensor], widths: Sequence[Tensor], quantized: Tensor
    ) -> Tensor:
        convolutions = self._convolutions()
        kernels = [c.weight_mixture(c.kernel(), widths[i]) for c, i in zip(convolutions, self.merged, strict=True)]
        chosen = torch.stack([shares[i] for i in self.merged])
        offsets = [(c.offset(), share) for c, share in zip(convolutions, chosen.unbind(), strict=True)]
        biases = [share * offset for offset, share in offsets if offset is not None]
        bias = torch.stack(biases).sum(0) if biases else None
        return merger.convolve(quantized, merger.merge(kernels, chosen), bias)


def _is_mergeable(operation: nn.Module) -> bool:
    return isinstance(operation, MixedConv2d) and operation.keeps_size


def _mixed(convolution: SlotConv2d | None) -> MixedConv2d | None:
    return convolution if isinstance(convolution, MixedConv2d) else None
