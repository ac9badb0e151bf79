"""Quantization noise in place of quantization (Shvetsov et al. 2022, QuantNAS, arXiv 2208.14839, "SAN").

Quantizing t at b bits with range r = max t - min t has the step ``Delta_b = r / (2^b - 1)``. The error is
modelled by independent zero-mean noise of standard deviation ``c Delta_b``. A mixture of independently noisy
copies is one draw:

    sum_b p_b (t + n_b) = t + sigma eps,    sigma^2 = sum_b p_b^2 c^2 Delta_b^2
"""

import functools
import math
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from qnas.core.components import FakeQuantizer, Grid, Mixture, Quantizer
from qnas.core.ranks import World, largest_of_batch, shares

Distribution = Literal["gaussian", "uniform"]

_POOL_SIZE = 2**22
_POOL_SEED = 20220814
_DEVIATIONS = {"half-step": 0.5, "rounding-error": 1 / math.sqrt(12)}


class Noise(Quantizer):
    """Noise that replaces quantization during the search; there is none in evaluation.

    Attributes:
        distribution: ``gaussian``, or ``uniform`` of the same standard deviation.
        deviation: The standard deviation in steps: ``half-step`` (1/2, as in the published code) or
            ``rounding-error`` (1/sqrt(12), like rounding itself).
    """

    stages: ClassVar = frozenset({"search"})
    distribution: Distribution = "gaussian"
    deviation: Literal["half-step", "rounding-error"] = "half-step"

    def fake_quantizer(self, bits: int, *, signed: bool, channels: int | None = None) -> FakeQuantizer:
        """The noise of one bit-width."""
        return NoisyTensor(self.mixture([bits], signed=signed, channels=channels))

    def mixture(self, bits: Sequence[int], *, signed: bool, channels: int | None = None) -> Mixture:
        """All bit-widths in one draw."""
        del signed  # the range is always measured over the whole tensor
        return NoiseMixture(bits, self.distribution, _DEVIATIONS[self.deviation], of_weights=channels is not None)


class NoiseMixture(Mixture):
    """One draw that has the mean and variance of the mixture of independently noisy copies."""

    steps: Tensor

    def __init__(self, bits: Sequence[int], distribution: Distribution, deviation: float, *, of_weights: bool) -> None:
        super().__init__()
        self.of_weights = of_weights
        self.distribution: Distribution = distribution
        relative = torch.tensor([deviation / (2**b - 1) for b in bits])
        self.register_buffer("steps", relative, persistent=False)

    def forward(self, tensor: Tensor, probabilities: Tensor) -> Tensor:
        """See :meth:`Mixture.forward`. Gradients reach the tensor and, through sigma, the probabilities.

        Note:
            The range counts as a constant: no gradient reaches the two extreme values through it.
        """
        if not self.training:
            return tensor
        # At zero, the gradient of the norm is zero; that of the square root of a sum would be NaN.
        share = torch.linalg.vector_norm(probabilities * self.steps)
        noise = noise_like(tensor, self.distribution, of_weights=self.of_weights)
        span = _range(tensor, of_weights=self.of_weights)
        return _AddNoise.apply(tensor, noise, share, span)  # type: ignore[no-any-return, no-untyped-call]


class _AddNoise(torch.autograd.Function):
    """``tensor + share span noise``; the gradient of the share allocates no product of the tensor's size."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, noise: Tensor, share: Tensor, span: Tensor) -> Tensor:
        ctx.save_for_backward(noise, span)
        return torch.addcmul(tensor, noise, (share * span).to(tensor.dtype))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, Tensor | None, None]:
        noise, span = ctx.saved_tensors
        return gradient, None, inner_product(gradient, noise) * span if ctx.needs_input_grad[2] else None, None


@torch.no_grad()
def _range(tensor: Tensor, *, of_weights: bool) -> Tensor:
    """The largest value minus the smallest, in all shares of the batch."""
    low, high = in_memory_order(tensor).aminmax()
    if of_weights or shares().size == 1:
        return high - low
    return largest_of_batch(torch.stack([high, -low])).sum()


class NoisyTensor(FakeQuantizer):
    """A noise mixture of a single bit-width."""

    def __init__(self, mixture: Mixture) -> None:
        super().__init__()
        self.mixture = mixture

    def forward(self, tensor: Tensor) -> Tensor:
        """``tensor`` with noise in training, itself in evaluation."""
        result: Tensor = self.mixture(tensor, tensor.new_ones(1))
        return result

    def grid(self) -> Grid:
        """Raises ``ValueError``: noise leaves no grid."""
        raise ValueError("noise only replaces quantization in the search: it has no integer grid")


def in_memory_order(tensor: Tensor) -> Tensor:
    """A view of ``tensor`` with its dimensions in memory order, so that reductions over all of it need no copy."""
    is_nhwc = tensor.dim() == 4 and tensor.is_contiguous(memory_format=torch.channels_last)
    return tensor.permute(0, 2, 3, 1) if is_nhwc else tensor


def inner_product(a: Tensor, b: Tensor) -> Tensor:
    """The sum of the products of two tensors of one shape, a scalar."""
    if a.stride() != b.stride() or a.dtype != torch.float32:
        return (a * b).sum()
    return torch.dot(in_memory_order(a).reshape(-1), in_memory_order(b).reshape(-1))


def noise_like(tensor: Tensor, distribution: Distribution, *, of_weights: bool = False) -> Tensor:
    """Noise of mean 0 and variance 1 in the shape and memory layout of ``tensor``.

    It is read from a pool at a random offset, which takes almost no time. The offset comes from torch's generator, so
    ``torch.manual_seed`` controls it. Processes that share a batch get their parts of the noise for the whole of it,
    and the same noise on weights.
    """
    count, share = tensor.numel(), World() if of_weights else shares()
    whole, start = count * share.size, count * share.rank
    if whole >= _POOL_SIZE:
        drawn = _draw(whole, distribution, device=tensor.device)[start : start + count]
        return drawn.to(tensor).view(tensor.shape)
    offset = int(torch.randint(_POOL_SIZE - whole, ())) + start
    values = _pool(distribution, tensor.device, tensor.dtype)[offset : offset + count]
    dense = tensor.is_contiguous() or tensor.is_contiguous(memory_format=torch.channels_last)
    return values.as_strided(tensor.shape, tensor.stride()) if dense else values.view(tensor.shape)


@functools.cache
def _pool(distribution: Distribution, device: torch.device, dtype: torch.dtype) -> Tensor:
    """The pool of noise: the same values in every process; only the offsets of reads differ from run to run."""
    generator = torch.Generator().manual_seed(_POOL_SEED)
    return _draw(_POOL_SIZE, distribution, generator).to(device, dtype)


def _draw(
    count: int,
    distribution: Distribution,
    generator: torch.Generator | None = None,
    device: torch.device | None = None,
) -> Tensor:
    if distribution == "gaussian":
        return torch.randn(count, generator=generator, device=device)
    return (torch.rand(count, generator=generator, device=device) - 0.5) * math.sqrt(12)
