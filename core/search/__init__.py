"""Searching: what a searcher is given, what it returns, and what it is judged by."""
