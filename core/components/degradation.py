"""The interface of degradations: how the LR image of an HR image is made."""

from abc import abstractmethod

from qnas.core.components.component import Component
from qnas.core.components.dataset import Pixels


class Degradation(Component):
    """Makes the LR images of a data set that has none. What it makes is cached, so it may be slow."""

    kind = "degradation"

    @abstractmethod
    def degrade(self, hr: Pixels, size: tuple[int, int], name: str) -> Pixels:
        """The LR image of an HR image, which is left as it is.

        Args:
            hr: (H, W, 3) RGB, uint8.
            size: Height and width of the LR image: exactly H and W divided by the scale, which may be 1.
            name: Of the image. What is random depends on it and on the fields alone, so that an image always has the
                same LR image.

        Returns:
            (height, width, 3) RGB, uint8.
        """

    def unfit(self, scale: int) -> str:
        """Why it can't make LR images at a scale, ``""`` if it can."""
        del scale
        return ""
