"""Joints: what stands between slots, which may be integers too."""
