"""Enlarging images with a network, whole or in tiles, and scoring the result."""
