"""``qnas data``: look after images."""

from qnas.core.cli.commands.data.command import data

__all__ = ["data"]
