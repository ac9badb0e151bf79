"""XLSR."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from qnas.core.components import Count, Operation
from qnas.core.network import Slot
from qnas.spaces.foreign.naming import Naming
from qnas.spaces.skeleton import RGB
from qnas.spaces.with_weights import WithWeights

_SOURCE = "quic/aimet-model-zoo, aimet_zoo_torch/common/super_resolution/models.py"


class XLSR(WithWeights):
    """XLSR (Ayazoglu 2021), winner of the Mobile AI 2021 challenge: grouped convolutions, each mixed by a 1 x 1 one.

    As in the implementation of Qualcomm's AIMET Model Zoo, except that the output is clipped to 0..1 outside the
    network.

    Attributes:
        channels: Width of the network.
        beside: Channels of the convolution that reads the image and is concatenated to the body's output.
        blocks: Number of blocks in the body.
        groups: Groups of a block's first convolution; must divide ``channels``.
    """

    defaults: ClassVar[Mapping[str, tuple[str, ...]]] = dict.fromkeys(
        ("head", "body", "fusion", "upsample"), ("native",)
    )

    example = {"channels": 8, "beside": 4, "blocks": 1}

    channels: PositiveInt = 32
    beside: PositiveInt = 16
    blocks: Count = 3
    groups: PositiveInt = 4

    def compose(self, scale: int) -> nn.Module:
        """See :meth:`.WithWeights.compose`."""
        return XLSRNetwork(self, scale)

    def namings(self, scale: int) -> Sequence[Naming]:
        """See :meth:`.WithWeights.namings`."""
        del scale
        blocks = {f"cnn.{3 + i}.net.{2 * j}": f"body.{i}.{j}" for i in range(self.blocks) for j in range(2)}
        ends = {"cnn.0": "head.0", "cnn.2": "head.1", "residual": "beside", "tail.0": "fuse", "tail.2": "upsample.0"}
        return [Naming(_SOURCE, blocks | ends)]


class XLSRNetwork(nn.Module):
    """The network of :class:`XLSR`."""

    def __init__(self, space: XLSR, scale: int) -> None:
        super().__init__()
        channels = space.channels
        self.head = nn.Sequential(
            Slot("head", RGB, channels, activation="none", signed=False),
            Slot("head", channels, channels, native="conv1x1"),
        )
        self.body = nn.Sequential(*(_block(channels, space.groups) for _ in range(space.blocks)))
        self.beside = Slot("head", RGB, space.beside, activation="none", signed=False)
        self.fuse = Slot("fusion", channels + space.beside, channels, activation="none", native="conv1x1")
        self.upsample = nn.Sequential(Slot("upsample", channels, RGB * scale**2), nn.PixelShuffle(scale))

    def forward(self, lr_image: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, 3, H * scale, W * scale), RGB in 0..1."""
        parts = [self.body(self.head(lr_image)), self.beside(lr_image)]
        # (N, channels + beside, H, W)
        result: Tensor = self.upsample(self.fuse(torch.cat(parts, dim=1)))
        return result


def _block(channels: int, groups: int) -> nn.Sequential:
    """A grouped 3 x 3 convolution, then a 1 x 1 one that mixes the groups."""
    grouped = Operation.of({"name": "conv", "groups": groups})
    return nn.Sequential(
        Slot("body", channels, channels, activation="none", native=grouped),
        Slot("body", channels, channels, native="conv1x1"),
    )
