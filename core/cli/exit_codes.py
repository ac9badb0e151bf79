"""Exit codes beside those of errors (:mod:`qnas.core.errors`)."""

INTERRUPTED = 130
"""Ctrl-C, as shells have it."""
