"""A plugin of qnas: an evolutionary search."""
