"""Files of runs and caches on the disk: written whole or not at all, locked, checked."""
