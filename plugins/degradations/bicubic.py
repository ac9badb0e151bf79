"""Bicubic reduction, as in published figures and as in Pillow."""

import numpy as np
from PIL import Image

from qnas.core.components import Degradation, Pixels
from qnas.core.images.resample import imresize

_SAME = "leaves an image as it is at scale 1: use another, such as camera, or a data set that has LR images"


class Matlab(Degradation):
    """The bicubic reduction of MATLAB's ``imresize`` to the bit, with antialiasing, as in published figures."""

    def degrade(self, hr: Pixels, size: tuple[int, int], name: str) -> Pixels:
        """See :meth:`qnas.Degradation.degrade`."""
        del name
        return imresize(hr, size)

    def unfit(self, scale: int) -> str:
        """See :meth:`qnas.Degradation.unfit`."""
        return _SAME if scale == 1 else ""


class Pillow(Degradation):
    """The bicubic reduction of Pillow, with antialiasing."""

    def degrade(self, hr: Pixels, size: tuple[int, int], name: str) -> Pixels:
        """See :meth:`qnas.Degradation.degrade`."""
        del name
        return np.asarray(Image.fromarray(hr).resize((size[1], size[0]), Image.Resampling.BICUBIC))

    def unfit(self, scale: int) -> str:
        """See :meth:`qnas.Degradation.unfit`."""
        return _SAME if scale == 1 else ""
