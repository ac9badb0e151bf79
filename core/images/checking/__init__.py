"""Checking the images of a data set, each by itself and all against each other."""
