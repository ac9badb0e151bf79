"""Slots: the open places of a network, and the modules that fill them."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from qnas.core.components import Activation, Operation, PaddingMode, SlotShape, is_signed
from qnas.core.network.convolution import outlet
from qnas.core.network.joint import Joint


class Slot(nn.Module):
    """An open place that a search space leaves for an operation. It has no parameters.

    Args:
        role: The part of the network, which decides the candidates: ``"head"``, ``"body"``, ...
        in_channels: Input channels.
        out_channels: Output channels.
        stride: The output's height and width are the input's divided by it.
        activation: The activation before the operation, as published; ``"none"`` for networks that activate
            elsewhere.
        signed: Whether the input can be negative after the activation; by default after all but a ReLU. An image, for
            example, is unsigned without an activation.
        native: The operation that the original architecture has here, or its registered name.
        keeps_size: Whether the output has the size that "same" padding gives; if not, only the native operation fits.
        padding_mode: How the convolutions in it continue an image beyond its edge.
        weights: Initial weights of the native operation, by parameter name; by default fresh ones.
        fits_others: Whether other operations are to start from them too, as close to the native one as they come.

    Attributes:
        activation_weights: Initial weights of the activation, whatever the operation; by default fresh ones.
    """

    def __init__(
        self,
        role: str,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        activation: Activation = "relu",
        signed: bool | None = None,
        native: Operation | str = "conv3x3",
        keeps_size: bool = True,
        padding_mode: PaddingMode = "zeros",
        weights: Mapping[str, Tensor] | None = None,
        fits_others: bool = False,
    ) -> None:
        super().__init__()
        if signed is None:
            signed = is_signed(activation)
        self.shape = SlotShape(
            role, in_channels, out_channels, stride, activation, signed, native, keeps_size, padding_mode
        )
        self.weights = weights or {}
        self.fits_others = fits_others
        self.activation_weights: Mapping[str, Tensor] = {}

    def forward(self, _: Tensor) -> Tensor:
        """Raises ``RuntimeError``: an open slot can't run."""
        raise RuntimeError(f"the slot {self.shape} is open: fill the network first")

    def extra_repr(self) -> str:
        """The slot's shape."""
        return repr(self.shape)


@dataclass(frozen=True, slots=True)  # with slots, what looks for values that a network keeps finds none in here
class Origin:
    """The native operation that stood in a slot, which others there are to start from.

    Attributes:
        shape: The slot's.
        weights: Of the native operation, by parameter name.
        activation_weights: Of the slot's activation.
    """

    shape: SlotShape
    weights: Mapping[str, Tensor]
    activation_weights: Mapping[str, Tensor]


class FilledSlot(nn.Module):
    """A slot that holds its quantized activation and then one operation, with a joint behind.

    Its output is a separate tensor: in-place changes, as by ``nn.ReLU(inplace=True)``, affect neither the input nor
    what the operation keeps for its gradient.

    Args:
        activation: Quantizes what the operation reads.
        operation: What ``component`` built.
        component: The operation that fills the slot.
        entrance: What comes in, in words, as the slot's shape has it.

    Attributes:
        origin: What its operation is to start from (see :func:`warm_start`), None for fresh weights.
    """

    def __init__(self, activation: nn.Module, operation: nn.Module, component: Operation, entrance: str = "") -> None:
        super().__init__()
        self.activation = activation
        self.operation = operation
        self.component = component
        self.entrance = entrance
        self.joint = Joint()
        self.origin: Origin | None = None
        # Others may return their input, like the identity, or keep their output for the gradient, like a sigmoid.
        self._gives_its_own = outlet(operation) is not None

    def native(self) -> nn.Module | None:
        """Its operation, if it is the native one."""
        return self.operation if self.component.is_native else None

    def forward(self, features: Tensor) -> Tensor:
        """(N, in_channels, H, W) to (N, out_channels, H / stride, W / stride); or both without N, as for ``Conv2d``."""
        if features.dim() == 3:
            return self.forward(features[None])[0]
        result: Tensor = self.operation(self.activation(features))
        own: Tensor = self.joint(result if self._gives_its_own else result.clone())
        return own


@torch.no_grad()
def copy_weights(weights: Mapping[str, Tensor], module: nn.Module) -> None:
    """Copy weights, by parameter name, into a module."""
    for name, value in weights.items():
        module.get_parameter(name).copy_(value)
