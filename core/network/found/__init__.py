"""The found network: its architecture, and the weights that it starts from."""
