"""Writes docs/results.md: what runs show about the paper's claims, using only their folders."""
