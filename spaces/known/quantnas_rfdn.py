"""The space of QuantNAS that is inspired by RFDN."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import PositiveInt

from qnas.spaces.skeleton import Body, Convolutions, Entrance, Skeleton


class QuantNASRFDN(Skeleton):
    """The space of QuantNAS (arXiv 2208.14839) that is inspired by RFDN.

    The image is repeated to the width; then come four distillation blocks with the activation before each slot, all
    fused by a 1 x 1 and a 3 x 3 convolution; a skip; and a tail at full resolution. Fusion and attention keep their
    operations at 8 bits. The image's three channels and the 27 of a pixel shuffle by 3 can't be split into two groups:
    the tail has no grouped candidates, and x3 is left out.
    """

    scales: ClassVar[frozenset[int]] = frozenset({2, 4})

    _SINGLE: ClassVar = ("conv1x1", "conv3x3", "conv5x5")
    _PAIRS: ClassVar = ("growth1x1", "growth3x3", "growth5x5")
    _WIDE: ClassVar = (*_SINGLE, "conv1x1g2", "conv3x3g2", "conv5x5g2", *_PAIRS)
    defaults: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "distill": _WIDE,
        "refine": _WIDE,
        "upsample": _WIDE,
        "tail": (*_SINGLE, *_PAIRS),
    }
    kept: ClassVar[Mapping[str, int]] = {"fusion": 8, "attention": 8}

    example = {"channels": 12, "body": [{"block": "rfdb", "pre_activation": True, "residual": "adq"}]}

    channels: PositiveInt = 48
    head: Convolutions = ()
    body: Body = ({"block": "rfdb", "repeat": 4, "pre_activation": True, "residual": "adq"},)  # type: ignore[assignment]
    collect: Literal["last", "all"] = "all"
    fusion: Convolutions = ("conv1x1", "conv3x3")  # type: ignore[assignment]
    tail: Convolutions = ("conv3x3",)  # type: ignore[assignment]
    activate: tuple[Entrance, ...] = ("upsample",)
