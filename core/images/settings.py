"""The fields of a spec that are about images."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationError

from qnas.core.components import Dataset, Degradation
from qnas.core.settings import Amount, EarlierDefaults, Extent, FrozenDict, Settings


def _augment(value: Any) -> Any:
    """Report in one line what is valid; a union would report each of its types."""
    try:
        return value if value == "flips" else TypeAdapter(bool).validate_python(value)
    except ValidationError:
        raise ValueError("must be true, false or flips") from None


Augment = Annotated[bool | Literal["flips"], BeforeValidator(_augment)]


Patch = Annotated[Extent, Field(ge=8)]
"""Height and width of an LR patch, in pixels."""


class Crop(Settings):
    """How training images are cut into crops, each of which is a training image.

    Crops are laid out in rows and columns from the top left; pixels left over at the right and bottom are not used.

    Attributes:
        size: Height and width of a crop of the HR image in pixels, a multiple of the scale.
        stride: Pixels of the HR image from one crop to the next; if it is below ``size``, crops overlap.
        lr: The LR image of a crop: ``cut`` out of that of the whole image, or ``made`` from the crop alone by
            ``degradation``, even if the data set has LR images. The two differ at the edges of crops. LR images that
            are made are kept in the cache, at 3 bytes per LR pixel of each crop.
    """

    size: Extent
    stride: Extent
    lr: Literal["cut", "made"] = "cut"


class Data(Settings):
    """The images.

    Attributes:
        train: The training images, for the search and for the found network.
        test: The test sets, by the names that they have in the results.
        validation: Number of training images held out for validation.
        patch: Height and width of the LR patches to train on, in pixels.
        crop: How training images are cut into crops, if at all; held-out images stay whole.
        augment: Whether patches are flipped and rotated at random; ``flips`` means both flips without rotations.
        degradation: How LR images are made for a data set that has none; published results use ``matlab``.
    """

    train: Dataset = "dead-leaves"  # type: ignore[assignment]
    test: Annotated[dict[str, Dataset], Field(min_length=1), AfterValidator(FrozenDict)] = {"photos": "photos"}  # type: ignore[dict-item]
    validation: Amount = 8
    patch: Patch = 24
    crop: Crop | None = None
    augment: Augment = True
    degradation: Degradation = "matlab"  # type: ignore[assignment]

    earlier_defaults: ClassVar[EarlierDefaults] = {0: {"degradation": "pillow"}}
