"""Training: the machine, the loop, one step of it, the trainer, random streams."""
