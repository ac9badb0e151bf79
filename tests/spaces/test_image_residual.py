import pytest
import torch

from qnas.spaces.image_residual import Enlarge


def ramp(height, width, start=0.0, step=1.0):
    """A plane that rises by 1 to the right and by 2 downwards, sampled at pixel centres."""
    y, x = (start + step * torch.arange(n, dtype=torch.float64) for n in (height, width))
    return (2 * y[:, None] + x[None, :]).expand(1, 3, height, width)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_nearest_repeats_pixels(scale):
    image = torch.rand(2, 3, 4, 5)
    expected = image.repeat_interleave(scale, dim=2).repeat_interleave(scale, dim=3)
    assert torch.equal(Enlarge("nearest", scale)(image), expected)


@pytest.mark.parametrize(
    "mode",
    [
        "bilinear",
        "bicubic",
    ],
)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_plane_is_continued_between_pixel_centres(mode, scale):
    """Output pixel i is at (i + 1/2) / scale - 1/2 in the input; away from the border, a plane stays a plane."""
    image = ramp(9, 8)
    start = 0.5 / scale - 0.5
    expected = ramp(9 * scale, 8 * scale, start, 1 / scale)
    border = 3 * scale
    inside = (..., slice(border, -border), slice(border, -border))
    torch.testing.assert_close(Enlarge(mode, scale)(image)[inside], expected[inside])


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
def test_a_flat_image_stays_flat_up_to_the_border(mode):
    torch.testing.assert_close(Enlarge(mode, 3)(torch.full((1, 3, 5, 5), 0.7)), torch.full((1, 3, 15, 15), 0.7))


def test_bicubic_overshoots_an_edge_and_bilinear_does_not():
    image = torch.zeros(1, 3, 8, 8)
    image[..., 4:] = 1
    assert Enlarge("bicubic", 2)(image).max() > 1
    assert Enlarge("bilinear", 2)(image).max() <= 1
