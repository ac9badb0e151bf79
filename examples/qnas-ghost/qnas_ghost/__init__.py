"""A plugin for qnas with one of everything: a space, an operation, a quantizer, and a listener to a run's events."""
