"""``qnas data``: look after images."""

from qnas.core.cli.data.command import data

__all__ = ["data"]
