"""The optimizer of a quantized network."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils.parametrize import ParametrizationList

from qnas.core.components import FakeQuantizer
from qnas.core.network.branches import KernelBranch

_FUSED = frozenset({"cpu", "cuda"})  # devices that update all parameters at once, in a fraction of the time

# If a parameter of these has one element, it is not a scalar: the layer has a single channel.
_LAYERS = (_ConvNd, nn.Linear, _NormBase, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm, ParametrizationList, KernelBranch)

# The gradient of the logarithm of an 8-bit step is around 1e-8, which is Adam's default and would freeze it.
_EPSILON_OF_STEPS = 1e-12


class OwnRates(NamedTuple):
    """Learning rates that differ from that of the weights, where they are not None.

    Attributes:
        scalars: Of learned scalars outside of layers, such as ADQ's slope and offset.
        steps: Of what quantizers learn.
    """

    scalars: float | None = None
    steps: float | None = None


ONE_RATE = OwnRates()


def adam(
    network: nn.Module,
    learning_rate: float,
    weight_decay: float = 0.0,
    but: nn.Parameter | None = None,
    own: OwnRates = ONE_RATE,
) -> torch.optim.Adam:
    """Adam for all parameters of ``network``.

    What quantizers learn, such as steps, gets no weight decay: zero means nothing for them.

    Args:
        network: A found network or a supernet.
        learning_rate: Of all parameters that have no rate of their own.
        weight_decay: Of the weights.
        but: A parameter to leave out.
        own: Rates that differ from ``learning_rate``.
    """
    groups = _groups(network, learning_rate, weight_decay, but, own)
    return torch.optim.Adam(groups, lr=learning_rate, fused=_is_fused(network.parameters()))


def adamw(network: nn.Module, learning_rate: float, weight_decay: float, own: OwnRates = ONE_RATE) -> torch.optim.AdamW:
    """Adam with decoupled weight decay (AdamW, arXiv 1711.05101) for all parameters of ``network``.

    Only kernels and matrices decay: not biases, gains, scalars, or what quantizers learn.

    Args:
        network: A found network.
        learning_rate: Of all parameters that have no rate of their own.
        weight_decay: Each step takes this share, times the learning rate, from a kernel.
        own: Rates that differ from ``learning_rate``.
    """
    weights, *others = _groups(network, learning_rate, 0.0, None, own)
    kernels = {p: None for name, p in network.named_parameters() if _is_kernel(name, p)}
    groups = [
        {**weights, "params": [p for p in weights["params"] if p in kernels], "weight_decay": weight_decay},
        {**weights, "params": [p for p in weights["params"] if p not in kernels]},
        *others,
    ]
    return torch.optim.AdamW(groups, lr=learning_rate, weight_decay=0.0, fused=_is_fused(network.parameters()))


def _groups(
    network: nn.Module, learning_rate: float, weight_decay: float, but: nn.Parameter | None, own: OwnRates
) -> list[dict[str, Any]]:
    """The weights, what quantizers learn and, if these have a rate of their own, the scalars."""
    steps = {p: None for m in network.modules() if isinstance(m, FakeQuantizer) for p in m.parameters()}
    others = [p for p in network.parameters() if p not in steps and p is not but]
    scalars = set() if own.scalars is None else set(_scalars(network))
    groups: list[dict[str, Any]] = [
        {"params": [p for p in others if p not in scalars], "weight_decay": weight_decay},
        {"params": list(steps), "eps": _EPSILON_OF_STEPS, "lr": learning_rate if own.steps is None else own.steps},
    ]
    if own.scalars is not None:
        scaled = [p for p in others if p in scalars]
        groups.append({"params": scaled, "weight_decay": weight_decay, "lr": own.scalars})
    return groups


def _is_kernel(name: str, parameter: nn.Parameter) -> bool:
    """Whether it has two axes or more, as gains of channels don't in whichever shape, and is not called a bias."""
    return sum(extent > 1 for extent in parameter.shape) > 1 and "bias" not in name.rpartition(".")[2]


def _scalars(network: nn.Module) -> Iterator[nn.Parameter]:
    """The parameters with one element, except weights and biases of layers."""
    for module in network.modules():
        if not isinstance(module, _LAYERS):
            yield from (p for p in module.parameters(recurse=False) if p.numel() == 1)


def clip_gradients(parameters: Iterable[nn.Parameter], largest: float) -> None:
    """Scale the gradients down so that the norm of them all together is at most ``largest``."""
    listed = list(parameters)
    nn.utils.clip_grad_norm_(listed, largest, foreach=_is_fused(listed))


def _is_fused(parameters: Iterable[nn.Parameter]) -> bool:
    return all(parameter.device.type in _FUSED for parameter in parameters)
