"""Support for networks from third-party code."""
