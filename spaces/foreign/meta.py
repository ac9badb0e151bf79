"""Networks that were written elsewhere, without values: on the meta device."""

import contextlib
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


@contextlib.contextmanager
def made_on_cpu() -> Iterator[None]:
    """Where networks are made with values, whatever the device is: many constructors compute with them.

    The random numbers that are drawn inside are given back: looking at a network changes no run.
    """
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=[]), torch.device("cpu"):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


def to_meta(network: nn.Module) -> nn.Module:
    """``network`` without its values, tensors that are plain attributes of its modules too.

    What modules share stays shared, as it would not with ``network.to("meta")``.
    """
    without: dict[int, Tensor] = {}
    for module in network.modules():
        holders: tuple[dict[str, Any], ...] = (module._parameters, module._buffers, vars(module))
        for tensors in holders:
            for name, value in list(tensors.items()):
                if isinstance(value, Tensor):
                    tensors[name] = without.setdefault(id(value), _on_meta(value))
    return network


def _on_meta(value: Tensor) -> Tensor:
    empty = value.detach().to("meta")
    return nn.Parameter(empty, value.requires_grad) if isinstance(value, nn.Parameter) else empty
