"""How a run stops, what it keeps, and whether it may go on from that."""
