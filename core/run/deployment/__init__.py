"""A run and the runtimes it leaves PyTorch for: its files, and how fast they are."""
