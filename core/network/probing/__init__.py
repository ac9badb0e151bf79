"""Trial runs of networks: on which device, in which memory layout, and whether results repeat."""
