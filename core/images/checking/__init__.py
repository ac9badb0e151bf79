"""What may be wrong with the images of a data set, looked at one by one and beside each other."""
