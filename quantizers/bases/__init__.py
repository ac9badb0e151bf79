"""What quantizers have in common: where their step or range comes from."""
