"""The integers of a found network, layer by layer."""

from dataclasses import dataclass

from torch import Tensor, nn

from qnas.core.deploy.integers import IntegerActivation, IntegerConv2d
from qnas.core.deploy.lowering import with_integers


@dataclass(frozen=True)
class IntegerWeights:
    """The integers of a convolution: its weights are ``(weights - zero_points) * steps``, by output channel.

    Attributes:
        weights: (C_out, C_in / groups, k_h, k_w).
        steps: (C_out,).
        zero_points: (C_out,).
        smallest: The least integer that a weight may be.
        largest: The greatest.
        bias: (C_out,) of int32, in ``bias_steps``; in float where these are None; None without a bias.
        bias_steps: (C_out,).
    """

    weights: Tensor
    steps: Tensor
    zero_points: Tensor
    smallest: int
    largest: int
    bias: Tensor | None
    bias_steps: Tensor | None


@dataclass(frozen=True)
class IntegerActivations:
    """The grid of an activation's output, whose integers ``q`` stand for ``(q - zero_point) * step``.

    Attributes:
        step: The distance between two values.
        zero_point: The integer that stands for zero.
        smallest: The least integer.
        largest: The greatest.
    """

    step: float
    zero_point: int
    smallest: int
    largest: int


def integers_of(network: nn.Module) -> dict[str, IntegerWeights | IntegerActivations]:
    """The quantized layers of a found network by their paths; layers in float are left out.

    Raises:
        InputError: A grid has no integer form; the message says where.
    """
    layers: dict[str, IntegerWeights | IntegerActivations] = {}
    for path, module in with_integers(network).named_modules():
        if isinstance(module, IntegerConv2d):
            layers[path] = _weights(module)
        elif isinstance(module, IntegerActivation):
            layers[path] = IntegerActivations(*module.grid[:4])
    return layers


def _weights(layer: IntegerConv2d) -> IntegerWeights:
    smallest, largest, _ = layer.grid
    bias = None if layer.bias is None else layer.bias.detach()
    steps = layer.bias_scales if layer.has_integer_bias and bias is not None else None
    return IntegerWeights(layer.weight, layer.scales, layer.zero_points, smallest, largest, bias, steps)
