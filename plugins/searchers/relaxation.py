"""Relaxations: from architecture parameters to the probabilities that the supernet runs with."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Relaxation = Literal["softmax", "gumbel", "gumbel-hard"]


def relax(logits: Tensor, relaxation: Relaxation, temperature: float) -> Tensor:
    """(slots, candidates) probabilities, each row summing to 1, differentiable in ``logits``.

    Args:
        logits: (slots, candidates), minus infinity where there is no candidate.
        relaxation: ``softmax`` is deterministic; ``gumbel`` adds Gumbel noise (Jang et al. 2017), which gives sharper
            samples at lower temperatures; ``gumbel-hard`` is one-hot in the forward pass.
        temperature: Above 0; ``softmax`` uses it too.
    """
    if relaxation == "softmax":
        return (logits / temperature).softmax(dim=1)
    # Padding stays at minus infinity: noise is finite.
    noise = -torch.empty_like(logits).exponential_().log()
    soft = ((logits + noise) / temperature).softmax(dim=1)
    if relaxation == "gumbel":
        return soft
    hard = F.one_hot(soft.argmax(dim=1), logits.shape[1]).to(soft)
    return hard + (soft - soft.detach())
