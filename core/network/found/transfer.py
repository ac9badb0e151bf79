"""Weights between networks that differ in their quantizers only."""

from collections.abc import Mapping

from torch import Tensor, nn

from qnas.core.components import FakeQuantizer
from qnas.core.errors import InputError


def take_weights(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Load the state dict of a network that has the same layers, whatever quantizes them.

    The quantizers of ``network`` keep their own state.

    Raises:
        InputError: Something that the network needs is missing, or has another shape.
    """
    of_quantizers = tuple(f"{path}." for path, module in network.named_modules() if isinstance(module, FakeQuantizer))
    wanted = {name: value for name, value in network.state_dict().items() if not name.startswith(of_quantizers)}
    odd = [name for name, value in wanted.items() if name not in weights or weights[name].shape != value.shape]
    if odd:
        raise InputError(f"the weights don't fit the network: it needs {odd[0]} of {tuple(wanted[odd[0]].shape)}")
    network.load_state_dict({name: weights[name] for name in wanted}, strict=False)
