"""Sizes of LR images as people name them."""

import re

import pytest

from qnas.core.deploy.lr_sizes import lr_size
from qnas.core.errors import InputError


@pytest.mark.parametrize(
    ("text", "scale", "size"),
    [
        ("1x1", 4, (1, 1)),
        ("48x640", 3, (48, 640)),
        ("540p", 2, (270, 480)),
        ("720p", 4, (180, 320)),
        ("720p", 3, (240, 427)),
        ("1080p", 2, (540, 960)),
        ("2160p", 4, (540, 960)),
        ("720p", 1, (720, 1280)),
    ],
)
def test_sizes_in_lr_pixels_and_of_frames(text, scale, size):
    assert lr_size(text, scale) == size


@pytest.mark.parametrize(
    "text",
    ["", "x", "0x5", "5x0", "12", "-3x4", "4x4x4", "\N{FULLWIDTH DIGIT FOUR}x4", "720", "721p", "5 x 5", "1e3x4"],
)
def test_what_is_no_size_is_refused(text):
    message = f"'{text}' is not a size: write height x width in LR pixels, like 256x256, or one of 540p, 720p"
    with pytest.raises(InputError, match=re.escape(message)):
        lr_size(text, 4)
