"""Pairs of images: an HR image of a data set with its own LR image, or with one made from it."""

import contextlib
from dataclasses import dataclass

import numpy as np

from qnas.core.components import Degradation, ImageSizes, Pixels, SourceImage
from qnas.core.errors import InputError, as_input_error, from_field
from qnas.core.images.size_rules import fitted


@dataclass(eq=False)
class ImagePair:
    """An image in both resolutions: ``hr`` is exactly ``scale`` times the size of ``lr``.

    Attributes:
        name: Unique in its data set.
        hr: (H * scale, W * scale, 3) RGB, uint8.
        lr: (H, W, 3) RGB, uint8.
    """

    name: str
    hr: Pixels
    lr: Pixels

    @property
    def sizes(self) -> ImageSizes:
        """The sizes of both images."""
        return ImageSizes(self.name, self.hr.shape[:2], self.lr.shape[:2])

    @property
    def whole_name(self) -> str:
        """The name of the image that it is, or that it was cut out of."""
        return self.name


def pair(image: SourceImage, scale: int, degradation: Degradation) -> ImagePair:
    """Both resolutions of ``image``: HR cropped to a multiple of the scale, LR made from it if it has none.

    Raises:
        InputError: The image is too small, HR and LR don't fit the scale, or the degradation doesn't support it.
    """
    hr = _fitted(image, scale)
    return ImagePair(image.name, hr, degraded(hr, scale, degradation, image.name) if image.lr is None else image.lr)


def given_pair(image: SourceImage, lr: Pixels, scale: int) -> ImagePair:
    """Both resolutions of ``image`` with its own LR image.

    Raises:
        InputError: HR and LR don't fit the scale.
    """
    return ImagePair(image.name, _fitted(image._replace(lr=lr), scale), lr)


def _fitted(image: SourceImage, scale: int) -> Pixels:
    """The HR image, cropped to a multiple of the scale."""
    lr_size = image.lr.shape[:2] if image.lr is not None else None
    height, width = fitted(ImageSizes(image.name, image.hr.shape[:2], lr_size), scale).hr
    return image.hr[:height, :width]


def degraded(hr: Pixels, scale: int, degradation: Degradation, name: str) -> Pixels:
    """The LR image that a degradation makes of an HR image, checked.

    Raises:
        InputError: The degradation doesn't support the scale, fails, or returns something else.
    """
    height, width = (side // scale for side in hr.shape[:2])
    refuse_unfit(degradation, scale)
    who = f"the degradation '{degradation.known_as}'"
    with as_input_error(f"{who} failed") if degradation.is_foreign() else contextlib.nullcontext():
        lr: object = degradation.degrade(np.ascontiguousarray(hr), (height, width), name)
    if not isinstance(lr, np.ndarray) or lr.shape != (height, width, 3) or lr.dtype != np.uint8:
        made = f"{lr.shape} {lr.dtype}" if isinstance(lr, np.ndarray) else type(lr).__name__
        raise InputError(f"{who} makes {made} of {name}: must be ({height}, {width}, 3) uint8")
    return lr


def refuse_unfit(degradation: Degradation, scale: int) -> None:
    """Refuse a degradation that can't make LR images at a scale.

    Raises:
        InputError: It points at the field ``data.degradation``.
    """
    why = degradation.unfit(scale)
    if why:
        with from_field("data", "degradation"):
            raise InputError(f"'{degradation.label}' {why}")
