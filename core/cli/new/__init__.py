"""``qnas new``: start something of your own."""

from qnas.core.cli.new.command import new

__all__ = ["new"]
