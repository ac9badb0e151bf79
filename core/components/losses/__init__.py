"""Losses: their interface, weighted sums of them as in a spec, and the teachers of those that learn from a network."""
