"""The moving average of a network in training."""

import contextlib
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn


class Average:
    """The exponential moving average of a network's state over the steps of its training.

    All floats of the state are averaged. So are what quantizers learn, because a step fits the weights that it was
    learned with, and running statistics, because those of an average of weights are nearer to the average of theirs
    than to those of the last weights. Integers, such as counts, are those of the last step.

    After step ``t`` the average keeps ``min(decay, (1 + t) / (10 + t))`` of itself, so that a short training does not
    end with what it began with.

    Args:
        network: The network in training.
        decay: What the average keeps of itself in a step, in 0..1.

    Attributes:
        state: The average, as a state dict; empty before the first step.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.state: dict[str, Tensor] = {}
        self._network = network

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the network after a step, counted from 1."""
        if not self.state:
            self.state = snapshot(self._network)
            return
        share = 1 - min(self.decay, (1 + step) / (10 + step))
        now = self._network.state_dict()
        floats = [name for name, value in now.items() if value.is_floating_point()]
        torch._foreach_lerp_([self.state[name] for name in floats], [now[name].detach() for name in floats], share)
        for name in now.keys() - set(floats):
            self.state[name].copy_(now[name])

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """A context in which the network is the average; afterwards it is as it was, to the bit."""
        before = snapshot(self._network)
        self._network.load_state_dict(self.state)
        try:
            yield
        finally:
            self._network.load_state_dict(before)

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Continue from an average that was kept."""
        now = self._network.state_dict()
        self.state = {name: value.to(now[name].device) for name, value in state.items()}


def snapshot(network: nn.Module) -> dict[str, Tensor]:
    """A copy of the network's state."""
    return {name: value.detach().clone() for name, value in network.state_dict().items()}
