"""A run: its stages, its record, how it stops and goes on."""
