"""Profiling: how long each candidate of a space takes in a runtime, and the table of it."""
