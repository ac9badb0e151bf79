"""Writes docs/results.md: what runs show of the paper's claims, from nothing but their folders."""
