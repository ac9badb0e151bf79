"""The images of a search."""

from collections.abc import Sequence
from dataclasses import dataclass

from qnas.core.images.pairs import ImagePair


@dataclass(frozen=True)
class SearchImages:
    """The training images of a search: two halves to draw from, and some that are held out for validation."""

    weights: Sequence[ImagePair]
    architecture: Sequence[ImagePair]
    validation: Sequence[ImagePair]

    @property
    def training(self) -> list[ImagePair]:
        """Both halves."""
        return [*self.weights, *self.architecture]
