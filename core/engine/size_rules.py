"""Which sizes of images a run refuses; `qnas check` asks the same of what headers say."""

from qnas.core.components import ImageSizes
from qnas.core.engine.metrics import SMALLEST
from qnas.core.errors import InputError


def fitted(image: ImageSizes, scale: int) -> ImageSizes:
    """The sizes in which an image is used: HR cropped to a multiple of the scale, and LR.

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


def refuse_under_patch(image: ImageSizes, patch: int) -> None:
    """Refuse an image that no patch fits into.

    Args:
        image: Its sizes, that of LR among them.
        patch: Height and width of an LR patch.

    Raises:
        InputError: It names the image.
    """
    size = image.lr or image.hr
    if min(size) < patch:
        raise InputError(
            f"its LR image is {_said(size)}, smaller than the patch of {patch}: lower data.patch"
            f" to at most {min(size)} or leave the image out",
            image.name,
        )


def refuse_unjudgeable(image: ImageSizes) -> None:
    """Refuse an image that is too small for the metrics.

    Raises:
        InputError: It names the image.
    """
    if min(image.hr) < SMALLEST:
        raise InputError(f"is too small to be judged: SSIM needs {SMALLEST} pixels a side", image.name)
