"""A small space and a few generated images, for checks that need a search or a run."""

import functools
from collections.abc import Mapping
from typing import Any

from qnas.core.components import Block, Dataset, Degradation, Space
from qnas.core.images.pairs import ImagePair, pair
from qnas.core.settings import FLOAT_BITS

SCALE = 2


def small_space() -> Space:
    """A space whose networks are quick to build and run."""
    return Space.of({"name": "basic", "channels": 6, "cells": 1})


def composed(*blocks: Block | Mapping[str, Any], channels: int = 6) -> Space:
    """A space of these blocks, in float or at 4 bits."""
    return Space.of({"name": "skeleton", "channels": channels, "body": blocks, "bits": [4, FLOAT_BITS]})


@functools.cache
def small_images() -> tuple[ImagePair, ...]:
    """Generated images of 32 x 32, which bypass the cache."""
    leaves = Dataset.of({"name": "dead-leaves", "amount": 8, "size": 32})
    return tuple(pair(image, SCALE, Degradation.of("matlab")) for image in leaves.images(SCALE))
