"""What is drawn in the terminal and on pages alike: the graph of slots, and numbers with their units."""
