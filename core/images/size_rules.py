"""The image sizes that a run refuses; `qnas check` applies the same rules to the sizes in file headers."""

from collections.abc import Iterable

from qnas.core.components import ImageSizes, Space
from qnas.core.errors import InputError
from qnas.core.images.metrics import SMALLEST
from qnas.core.network import refuse_size


def fitted(image: ImageSizes, scale: int) -> ImageSizes:
    """The sizes at which an image is used: HR cropped to a multiple of the scale, and LR.

    Raises:
        InputError: The image is too small, or HR and LR don't fit the scale.
    """
    height, width = (side // scale for side in image.hr)
    if min(height, width) < 1:
        raise InputError(f"is smaller than the scale {scale}", image.name)
    if image.lr is not None and image.lr != (height, width):
        raise InputError(
            f"LR is {_said(image.lr)}, HR is {_said(image.hr)}: at scale {scale} LR should be {width} x {height}",
            image.name,
        )
    return ImageSizes(image.name, (height * scale, width * scale), (height, width))


def _said(size: tuple[int, int]) -> str:
    height, width = size
    return f"{width} x {height}"


def refuse_under_patch(image: ImageSizes, patch: int, stated: str = "data.patch") -> None:
    """Refuse an image that is smaller than a patch.

    Args:
        image: Its sizes, including that of LR.
        patch: Height and width of an LR patch.
        stated: The fields of the spec that say so.

    Raises:
        InputError: It names the image.
    """
    size = image.lr or image.hr
    if min(size) < patch:
        raise InputError(
            f"its LR image is {_said(size)}, smaller than the patch of {patch}: lower {stated}"
            f" to at most {min(size)} or leave the image out",
            image.name,
        )


def refuse_under_crop(image: ImageSizes, crop: int) -> None:
    """Refuse an image that is smaller than a crop.

    Args:
        image: Its sizes.
        crop: Height and width of a crop of the HR image.

    Raises:
        InputError: It names the image.
    """
    if min(image.hr) < crop:
        what = f"is {_said(image.hr)}, smaller than a crop of {crop}: lower data.crop.size"
        raise InputError(f"{what} to at most {min(image.hr)} or leave the image out", image.name)


def refuse_unjudgeable(image: ImageSizes) -> None:
    """Refuse an image that is too small for the metrics.

    Raises:
        InputError: It names the image.
    """
    if min(image.hr) < SMALLEST:
        raise InputError(f"is too small to be scored: SSIM needs {SMALLEST} pixels a side", image.name)


def refuse_too_small_for(space: Space, scale: int, tried: int, judged: Iterable[ImageSizes]) -> None:
    """Refuse images too small for the networks of ``space``: attention shrinks features, and reflection needs pixels.

    Args:
        space: The space.
        scale: The factor that its networks enlarge by.
        tried: Height and width of an LR image that they are known to accept; larger ones are not tried.
        judged: The sizes of the images. Of those with a smaller side, the narrowest is tried.

    Raises:
        InputError: It names the image.
    """
    small = [image for image in judged if image.lr is not None and min(image.lr) < tried]
    for image in sorted(small, key=lambda image: min(image.lr or image.hr))[:1]:
        try:
            refuse_size(space, scale, image.lr or image.hr)
        except InputError as error:
            raise InputError(str(error), image.name) from error
