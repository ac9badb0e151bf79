"""Blocks that distil features: RFDB of RFDN and IMDB of IMDN."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from qnas.core.components import Activation, Block, Residual, is_signed, make_activation
from qnas.core.network import Joint, Slot
from qnas.spaces.attention import ContrastAttention, SpatialAttention

_STEPS = 3
_CONTRAST_REDUCTION = 16


class RFDB(Block):
    """The residual feature distillation block (Liu et al. 2020, RFDN).

    Three steps, each a refining convolution with a shortcut and, beside it, a distilling one that halves the channels;
    a last convolution refines to half the channels. A 1 x 1 convolution fuses the four parts, and spatial attention
    follows.

    Attributes:
        pre_activation: Whether the activation precedes each convolution, as in QuantNAS's space. In RFDN it follows
            the convolution and its shortcut.
    """

    roles: ClassVar[tuple[str, ...]] = ("distill", "refine", "fusion", "attention")

    pre_activation: bool = False

    def unfit(self, channels: int) -> str:
        """A reason if there are too few channels to distil from."""
        return "" if channels >= 4 else f"it distils from at least 4 channels (there are {channels})"

    def build(self, channels: int, activation: Activation) -> nn.Module:
        """See :meth:`qnas.Block.build`."""
        return FeatureDistillation(channels, activation, self.pre_activation)


class FeatureDistillation(nn.Module):
    """The network of :class:`RFDB`."""

    def __init__(self, channels: int, activation: Activation, pre_activation: bool) -> None:
        super().__init__()
        half = channels // 2
        before: Activation = activation if pre_activation else "none"
        behind: Activation = "none" if pre_activation else activation
        # After the first step, the slots of RFDN read the output of an activation.
        signed = [is_signed(before), *[is_signed(activation)] * _STEPS]
        self.distill = nn.ModuleList(
            Slot("distill", channels, half, activation=before, signed=signed[i], native="conv1x1")
            for i in range(_STEPS)
        )
        widths = [*[channels] * _STEPS, half]
        self.refine = nn.ModuleList(
            Slot("refine", channels, width, activation=before, signed=signed[i]) for i, width in enumerate(widths)
        )
        self.activations = nn.ModuleList(make_activation(behind, channels) for _ in range(_STEPS))
        self.joints = nn.ModuleList(Joint(is_signed(behind)) for _ in range(_STEPS))
        self.fuse = Slot("fusion", half * (_STEPS + 1), channels, activation=activation, native="conv1x1")
        self.attention = SpatialAttention(channels, max(1, channels // 4), depth=3)

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        parts: list[Tensor] = []
        steps = zip(self.distill, self.refine, self.activations, self.joints, strict=False)
        for distill, refine, activation, joint in steps:
            parts.append(distill(features))
            features = joint(activation(refine(features) + features))
        parts.append(self.refine[_STEPS](features))
        # (N, 4 * (C // 2), H, W)
        result: Tensor = self.attention(self.fuse(torch.cat(parts, dim=1)))
        return result


class IMDB(Block):
    """The information multi-distillation block (Hui et al. 2019, IMDN).

    Three steps, each a convolution followed by the activation, set aside a quarter of the channels of their output; a
    last convolution gives as many. The four parts pass contrast-aware channel attention, and a 1 x 1 convolution fuses
    them.
    """

    roles: ClassVar[tuple[str, ...]] = ("refine", "attention", "fusion")

    residual: Residual = "plain"  # type: ignore[assignment]

    def unfit(self, channels: int) -> str:
        """A reason if there are too few channels to set some aside."""
        return "" if channels >= 4 else f"it sets aside a quarter of at least 4 channels (there are {channels})"

    def build(self, channels: int, activation: Activation) -> nn.Module:
        """See :meth:`qnas.Block.build`."""
        return MultiDistillation(channels, activation)


class MultiDistillation(nn.Module):
    """The network of :class:`IMDB`."""

    def __init__(self, channels: int, activation: Activation) -> None:
        super().__init__()
        aside = channels // 4
        rest = channels - aside
        signed = [True, *[is_signed(activation)] * _STEPS]
        ins, outs = [channels, *[rest] * _STEPS], [*[channels] * _STEPS, aside]
        self.split = [aside, rest]
        self.refine = nn.ModuleList(
            Slot("refine", ins[i], outs[i], activation="none", signed=signed[i]) for i in range(_STEPS + 1)
        )
        self.activations = nn.ModuleList(make_activation(activation, channels) for _ in range(_STEPS))
        self.joints = nn.ModuleList(Joint(is_signed(activation)) for _ in range(_STEPS))
        joined = aside * (_STEPS + 1)
        self.attention = ContrastAttention(joined, max(1, joined // _CONTRAST_REDUCTION))
        self.fuse = Slot("fusion", joined, channels, activation="none", native="conv1x1")

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        parts: list[Tensor] = []
        for refine, activation, joint in zip(self.refine, self.activations, self.joints, strict=False):
            part, features = joint(activation(refine(features))).split(self.split, dim=1)
            parts.append(part)
        parts.append(self.refine[_STEPS](features))
        # (N, 4 * (C // 4), H, W)
        result: Tensor = self.fuse(self.attention(torch.cat(parts, dim=1)))
        return result
