"""Training: the machine, the loop, what a searcher works with."""
