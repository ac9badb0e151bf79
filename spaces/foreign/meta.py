"""Third-party networks without values: on the meta device."""

from typing import Any

from torch import Tensor, nn


def to_meta(network: nn.Module) -> nn.Module:
    """``network`` without values, including tensors that are plain attributes of its modules.

    Tensors that modules share stay shared, unlike with ``network.to("meta")``.
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
