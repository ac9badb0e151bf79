"""Writes what is generated in docs, from the code and the data that it shows."""
