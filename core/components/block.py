"""The interface of blocks: what the body of a network is composed of."""

from abc import abstractmethod
from typing import Annotated, ClassVar

from pydantic import Field
from torch import nn

from qnas.core.components.activation import Activation
from qnas.core.components.component import Component
from qnas.core.components.residual import Residual

Count = Annotated[int, Field(ge=1, le=1000)]
"""How many of something follow each other; the limit keeps a typo from building an endless network."""


class Block(Component):
    """A part of a network's body, with open slots.

    An author writes :meth:`build`, and states ``roles`` where its slots have others than ``body``. In YAML it may be
    named by ``block`` as well as by ``name``: ``{block: residual, repeat: 4}``.

    Attributes:
        repeat: How many of it stand one after the other.
        residual: How its input is added to its output.
    """

    kind = "block"
    name_keys = ("block", "name")
    roles: ClassVar[tuple[str, ...]] = ("body",)
    """The roles of its slots."""

    repeat: Count = 1
    residual: Residual = "none"  # type: ignore[assignment]

    @abstractmethod
    def build(self, channels: int, activation: Activation) -> nn.Module:
        """One of it, without its residual: (N, channels, H, W) to (N, :meth:`out_channels`, H, W).

        Args:
            channels: Channels that come in.
            activation: The network's.
        """

    def out_channels(self, channels: int) -> int:
        """The channels that come out where ``channels`` come in."""
        return channels

    def unfit(self, channels: int) -> str:
        """Why it can't stand where ``channels`` come in, or ``""``."""
        del channels
        return ""
