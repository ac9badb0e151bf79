"""A plugin of qnas."""
