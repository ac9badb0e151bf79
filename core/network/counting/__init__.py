"""Counting what a network runs and keeps."""
