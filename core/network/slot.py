"""Slots: the open places of a network, and what stands in one once it is filled."""

from collections.abc import Mapping

from torch import Tensor, nn

from qnas.core.components import Activation, Operation, PaddingMode, SlotShape, is_signed
from qnas.core.network.convolution import outlet


class Slot(nn.Module):
    """An open place that a search space leaves for an operation. It has no parameters.

    Args:
        role: The part of the network, which decides the candidates: ``"head"``, ``"body"``, ...
        in_channels: Channels that come in.
        out_channels: Channels that must come out.
        stride: Height and width come out divided by it.
        activation: What stands before the operation, as published; networks that activate elsewhere say
            ``"none"``.
        signed: Whether the input can be negative after the activation; by default it can after all but a ReLU.
            An image, for example, is unsigned without an activation.
        native: The operation that the original architecture has here, or its registered name.
        keeps_size: Whether height and width come out as "same" padding gives them; if not, only the native
            operation fits.
        padding_mode: How the convolutions in it continue an image beyond its edge.
        weights: What the native operation starts from, by parameter name; by default it starts anew.
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
    ) -> None:
        super().__init__()
        if signed is None:
            signed = is_signed(activation)
        self.shape = SlotShape(
            role, in_channels, out_channels, stride, activation, signed, native, keeps_size, padding_mode
        )
        self.weights = weights or {}

    def forward(self, _: Tensor) -> Tensor:
        """Raises ``RuntimeError``: an open slot can't run."""
        raise RuntimeError(f"the slot {self.shape} is open: fill the network first")

    def extra_repr(self) -> str:
        """The slot's shape."""
        return repr(self.shape)


class FilledSlot(nn.Module):
    """A slot that holds one operation behind its quantized activation.

    What it gives is a tensor of its own: whatever acts on it in place, as ``nn.ReLU(inplace=True)`` does, changes
    neither what came in nor what the operation keeps for its gradient.
    """

    def __init__(self, activation: nn.Module, operation: nn.Module, *, is_native: bool = False) -> None:
        super().__init__()
        self.activation = activation
        self.operation = operation
        self._is_native = is_native
        # Any other may give its very input, as the identity does, or keep its output for the gradient, as a sigmoid.
        self._gives_its_own = outlet(operation) is not None

    def native(self) -> nn.Module | None:
        """Its operation, if it is the native one."""
        return self.operation if self._is_native else None

    def forward(self, features: Tensor) -> Tensor:
        """(N, in_channels, H, W) to (N, out_channels, H / stride, W / stride); or both without N, as for ``Conv2d``."""
        if features.dim() == 3:
            return self.forward(features[None])[0]
        result: Tensor = self.operation(self.activation(features))
        return result if self._gives_its_own else result.clone()
