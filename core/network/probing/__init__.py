"""Networks run to see what they do: where, in which layout, and whether twice alike."""
