"""The optimizer of a quantized network."""

from collections.abc import Iterable

import torch
from torch import nn

from qnas.core.components import FakeQuantizer

_FUSED = frozenset({"cpu", "cuda"})  # devices where all parameters are handled at once: one by one takes several times

# The gradient of the logarithm of an 8-bit step is around 1e-8, which is Adam's default and would freeze it.
_EPSILON_OF_STEPS = 1e-12


def adam(
    network: nn.Module, learning_rate: float, weight_decay: float = 0.0, but: nn.Parameter | None = None
) -> torch.optim.Adam:
    """Adam for all parameters of ``network``.

    What quantizers learn, such as steps, gets no weight decay: it would pull them to a meaningless place.

    Args:
        network: A found network or a supernet.
        learning_rate: Of all parameters.
        weight_decay: Of the weights.
        but: A parameter that is left out.
    """
    steps = {p: None for m in network.modules() if isinstance(m, FakeQuantizer) for p in m.parameters()}
    weights = [p for p in network.parameters() if p not in steps and p is not but]
    groups = [
        {"params": weights, "weight_decay": weight_decay},
        {"params": list(steps), "eps": _EPSILON_OF_STEPS},
    ]
    return torch.optim.Adam(groups, lr=learning_rate, fused=_is_fused(network.parameters()))


def clip_gradients(parameters: Iterable[nn.Parameter], largest: float) -> None:
    """Scale the gradients down so that the norm of them all together is at most ``largest``."""
    listed = list(parameters)
    nn.utils.clip_grad_norm_(listed, largest, foreach=_is_fused(listed))


def _is_fused(parameters: Iterable[nn.Parameter]) -> bool:
    return all(parameter.device.type in _FUSED for parameter in parameters)
