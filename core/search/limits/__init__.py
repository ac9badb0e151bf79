"""Limits: which networks of a space keep to them, the best of these, and how a search by gradient is led there."""
