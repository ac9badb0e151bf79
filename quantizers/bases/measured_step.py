"""The common base of quantizers with a measured step: nothing is learned."""

from abc import abstractmethod

import torch
from torch import Tensor

from qnas.core.components import FakeQuantizer, Grid, integer_range

_MOMENTUM = 0.1
_SMALLEST_SCALE = 1e-8


class MeasuredStep(FakeQuantizer):
    """One tensor's quantizer; its step is ``scale`` times the step for tensors of scale 1.

    The scale is measured in training: a running mean for activations, the value of the last step for weights. In
    evaluation it does not change.
    """

    scale: Tensor

    def __init__(self, bits: int, signed: bool, channels: int | None, unit_step: float) -> None:
        super().__init__()
        self.signed = signed
        self.of_weights = channels is not None
        self.q_min, self.q_max = integer_range(bits, signed)
        self.unit_step = unit_step
        self.register_buffer("scale", torch.ones(() if channels is None else (channels, 1, 1, 1)))

    @abstractmethod
    def measure(self, tensor: Tensor) -> Tensor:
        """The scale of ``tensor``, in the shape of the step."""

    @torch.no_grad()
    def observe(self, tensor: Tensor) -> None:
        """Take the scale from ``tensor``."""
        self.scale.copy_(self.measure(tensor))

    @torch.no_grad()
    def follow(self, tensor: Tensor) -> None:
        """Let the scale follow ``tensor`` in training."""
        if self.training:
            self.scale.lerp_(self.measure(tensor).to(self.scale), 1.0 if self.of_weights else _MOMENTUM)

    def positive_scale(self) -> Tensor:
        """The scale, above 0 even if only zeros were measured."""
        return self.scale.clamp_min(_SMALLEST_SCALE)

    def grid(self) -> Grid:
        """The current grid."""
        return Grid(self.positive_scale() * self.unit_step, self.q_min, self.q_max)
