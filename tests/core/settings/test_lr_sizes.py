"""Sizes of LR images as people name them."""

import re

import pytest
from pydantic import TypeAdapter, ValidationError

from qnas.core.errors import InputError
from qnas.core.settings.lr_sizes import FRAMES, LrSize, lr_size

NO_SIZES = (
    *("", "x", "0x5", "5x0", "12", "-3x4", "4x4x4", "\N{FULLWIDTH DIGIT FOUR}x4", "720", "721p", "5 x 5", "1e3x4"),
    *("1234567x1", "4x4\n", "x4", "1080P"),
)
SIZES = ("1x1", "48x640", "999999x1", *FRAMES)


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


@pytest.mark.parametrize("text", NO_SIZES)
def test_what_is_no_size_is_refused(text):
    message = f"'{text}' is not a size: write height x width in LR pixels, like 256x256, or one of 540p, 720p"
    with pytest.raises(InputError, match=re.escape(message)):
        lr_size(text, 4)


def test_a_field_takes_what_the_command_line_takes_and_stays_as_it_is_written():
    field = TypeAdapter(LrSize)
    assert [field.validate_python(text) for text in SIZES] == list(SIZES)
    for text in NO_SIZES:
        with pytest.raises(ValidationError, match="is not a size: write height x width in LR pixels"):
            field.validate_python(text)
    for value in (256, [256, 256], True, None):
        with pytest.raises(ValidationError, match="must be a size: write height x width in LR pixels"):
            field.validate_python(value)


def test_its_json_schema_has_the_same_grammar():
    pattern = TypeAdapter(LrSize).json_schema()["pattern"]
    assert all(re.search(pattern, text) for text in SIZES)
    assert not any(re.search(pattern.replace("$", r"\Z"), text) for text in NO_SIZES)
