"""``qnas new``: start something of your own."""

from qnas.core.cli.commands.new.command import new

__all__ = ["new"]
