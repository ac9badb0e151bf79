"""Images: from a data set through the cache to pairs and patches, and how likeness is measured."""
