"""What a spec says of images."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationError

from qnas.core.components import Dataset, Degradation
from qnas.core.settings import Amount, EarlierDefaults, Extent, FrozenDict, Settings


def _augment(value: Any) -> Any:
    """Tell in one line what is valid, where a union would tell of each of its types."""
    try:
        return value if value == "flips" else TypeAdapter(bool).validate_python(value)
    except ValidationError:
        raise ValueError("must be true, false or flips") from None


Augment = Annotated[bool | Literal["flips"], BeforeValidator(_augment)]


class Crop(Settings):
    """How training images are cut into crops, which are training images of their own.

    They lie in rows and columns from the top left; what is left over on the right and at the bottom is left out.

    Attributes:
        size: Height and width of a crop of the HR image in pixels, a multiple of the scale.
        stride: From one crop to the next; the smaller, the more they overlap.
        lr: The LR image of a crop: ``cut`` out of that of the whole image, or ``made`` from the crop alone by
            ``degradation``, whatever LR images the data set has. They differ at the edges of crops. What is made is
            kept in the cache: 3 bytes for each LR pixel of each crop.
    """

    size: Extent
    stride: Extent
    lr: Literal["cut", "made"] = "cut"


class Data(Settings):
    """The images.

    Attributes:
        train: What the search and the training learn from.
        test: Sets to judge the found network on, by the name they have in the results.
        validation: How many training images are held out to validate on.
        patch: Height and width of the LR patches that training is fed with, in pixels.
        crop: How the training images are cut into crops, if at all; those that are held out stay whole.
        augment: Whether patches are flipped and turned at random; ``flips`` are in both directions, without turns.
        degradation: How LR images are made where a data set has none; published figures are about ``matlab``.
    """

    train: Dataset = "dead-leaves"  # type: ignore[assignment]
    test: Annotated[dict[str, Dataset], Field(min_length=1), AfterValidator(FrozenDict)] = {"photos": "photos"}  # type: ignore[dict-item]
    validation: Amount = 8
    patch: Annotated[Extent, Field(ge=8)] = 24
    crop: Crop | None = None
    augment: Augment = True
    degradation: Degradation = "matlab"  # type: ignore[assignment]

    earlier_defaults: ClassVar[EarlierDefaults] = {0: {"degradation": "pillow"}}
