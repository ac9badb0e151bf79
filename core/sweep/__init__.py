"""Sweeps: many runs that differ in a few fields, each a point in a folder of its own."""
