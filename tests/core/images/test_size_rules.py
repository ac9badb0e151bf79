"""Which sizes of images a run refuses."""

import pytest

from qnas.core.components import ImageSizes
from qnas.core.errors import InputError
from qnas.core.images.size_rules import fitted, refuse_under_patch, refuse_unjudgeable


def test_an_image_smaller_than_the_patch_is_named_with_what_would_fit():
    refuse_under_patch(ImageSizes("image-0", (16, 18), (8, 9)), 8)
    with pytest.raises(InputError) as caught:
        refuse_under_patch(ImageSizes("image-1", (18, 14), (9, 7)), 8)
    assert str(caught.value) == (
        "image-1: its LR image is 7 x 9, smaller than the patch of 8:"
        " lower data.patch to at most 7 or leave the image out"
    )


def test_an_image_smaller_than_ssims_window_is_named():
    refuse_unjudgeable(ImageSizes("a", (11, 90)))
    with pytest.raises(InputError, match=r"^b: is too small to be scored: SSIM needs 11 pixels a side$"):
        refuse_unjudgeable(ImageSizes("b", (90, 10)))


@pytest.mark.parametrize("lr", [None, (4, 6)])
def test_hr_is_cropped_to_a_multiple_of_the_scale(lr):
    assert fitted(ImageSizes("a", (13, 20), lr), 3) == ImageSizes("a", (12, 18), (4, 6))
