"""Registers the spaces that qnas ships."""

from qnas.core.registry import Register, hookimpl


@hookimpl
def qnas_register_spaces(register: Register) -> None:
    """Register them."""
    register("basic", "qnas.spaces.basic:BasicSpace", "Head, body cells, pixel shuffle and tail (QuantNAS)")
