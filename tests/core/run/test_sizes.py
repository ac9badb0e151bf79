"""What result.json states of a found network's cost."""

import torch
from torch import nn

from qnas.core.components import Cost, Quantizer, Space, costs_with
from qnas.core.network import Architecture, slot_candidates
from qnas.core.network.counting.convolutions import count_network
from qnas.core.run.sizes import found_sizes


class Twice(nn.Module):
    """A convolution that runs twice."""

    def __init__(self) -> None:
        super().__init__()
        self.once = nn.Conv2d(3, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.norm(self.once(self.once(image)))
        return result


def test_a_convolution_that_runs_twice_is_stored_once_but_works_twice() -> None:
    count = count_network(Twice(), [], (8, 8))
    totals = {name: count.total(cost) for name, cost in costs_with().items()}
    macs = 2 * 81 * 64
    # A norm of 3 channels: weight, bias, mean and variance; its counter is not a float.
    assert totals == {"bitops": macs * 32 * 32, "macs": macs, "params": 84, "size": 4 * (84 + 12)}


def test_every_cost_is_stated_and_the_size_under_its_old_name_too() -> None:
    space = Space.of({"name": "basic", "channels": 6, "cells": 1, "bits": [4, 8]})
    chosen = {path: options[0] for path, options in slot_candidates(space, 2).items()}
    architecture = Architecture.from_candidates(space, 2, chosen)
    lsq = Quantizer.of("lsq")
    stated = found_sizes(architecture, lsq, costs_with({"mine": Cost.of("macs")}))
    assert list(stated) == ["bitops", "macs", "mine", "params", "size", "size_bytes", "float_work"]
    assert stated["mine"] == stated["macs"]
    assert set(stated["macs"]) == {"32x32", "256x256"}
    network = architecture.build(lsq)
    kept = {name: value for name, value in network.state_dict().items() if value.is_floating_point()}
    floats = [value for name, value in kept.items() if not (name.endswith("weight") and value.dim() == 4)]
    weights = sum(-(-c.weights * c.weight_bits // 8) for c in _convolutions(network, chosen))
    assert stated["size"] == stated["size_bytes"] == weights + 4 * sum(value.numel() for value in floats)


def _convolutions(network: nn.Module, chosen: object) -> list[object]:
    count = count_network(network, chosen, (8, 8))
    return [c for part in (count.rest, *count.slots.values()) for c in part.convolutions]
