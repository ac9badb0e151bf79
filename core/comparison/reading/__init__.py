"""The runs that are compared: found in folders, read, each once."""
