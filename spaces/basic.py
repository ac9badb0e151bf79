"""The basic space of QuantNAS (arXiv 2208.14839, section "Search space")."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import PositiveInt
from torch import nn

from qnas.core.components import Residual, Space
from qnas.spaces.blocks.cell import BasicCell
from qnas.spaces.image_residual import ImageResidual
from qnas.spaces.skeleton import Entrance, Skeleton

_AROUND = ("conv1x1", "conv3x3", "conv5x5", "conv3x3g3", "conv5x5g3")


class BasicSpace(Space):
    """Head, body cells with a global skip, upsampling by pixel shuffle, and a tail at full resolution.

    It is a skeleton of basic cells. To use other blocks, start from ``skeleton``.

    Attributes:
        channels: Width of the head and the body.
        cells: Number of body cells.
        variant: Variant of the body cell: ``B`` has a chain of two slots, ``A`` one of three, scaled by 0.2.
        residual: How a body cell's input is added to its output.
        skip_residual: How the head's output is added before upsampling: the residual around all cells.
        tail_residual: How the tail's output is added to the image: the residual around the tail.
        activate: Parts that get a ReLU in front as well: ``upsample``, ``tail``, or all with ``every``.
        image_residual: How the input image is enlarged and added to the output; the published space has ``none``.
    """

    defaults: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "head": _AROUND,
        "body": ("conv3x3", "conv5x5", "conv5x1-1x5", "conv3x1-1x3"),
        "skip": ("conv1x1", "conv3x3", "conv5x5"),
        "upsample": _AROUND,
        "tail": _AROUND,
    }

    example = {"channels": 6, "cells": 1}

    channels: PositiveInt = 36
    cells: PositiveInt = 3
    variant: Literal["A", "B"] = "B"
    residual: Residual = "adq"  # type: ignore[assignment]
    skip_residual: Residual = "plain"  # type: ignore[assignment]
    tail_residual: Residual = "plain"  # type: ignore[assignment]
    activate: tuple[Entrance, ...] = ("upsample",)
    image_residual: ImageResidual = "none"

    def build(self, scale: int) -> nn.Module:
        """See :meth:`qnas.Space.build`."""
        return self.skeleton().build(scale)

    def skeleton(self) -> Skeleton:
        """The same network as a skeleton."""
        cells = BasicCell(repeat=self.cells, variant=self.variant, residual=self.residual)
        return Skeleton.model_validate(
            {
                "channels": self.channels,
                "head": ["conv3x3", "conv3x3"],
                "body": [cells],
                "fusion": [],
                "tail": ["conv3x3", "conv3x3"],
                "skip_residual": self.skip_residual,
                "tail_residual": self.tail_residual,
                "activate": self.activate,
                "image_residual": self.image_residual,
            }
        )
