"""What it takes to work with a network that was written elsewhere."""
