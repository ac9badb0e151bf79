"""Specs as texts."""

from ...core.spec.conftest import load, mistakes

__all__ = ["load", "mistakes"]
