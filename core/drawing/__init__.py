"""What is drawn in the terminal and on pages alike: the slot graph and its layouts, and numbers with their units."""
