"""Warm starts: the candidates of a slot begin close to what stood there, instead of with noise."""
