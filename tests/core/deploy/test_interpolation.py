import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, strategies as st

from qnas.core.deploy.interpolation import ByConvolution

sides = st.integers(1, 13)


@given(sides, sides, st.integers(2, 8), st.booleans())
def test_bicubic_enlargement_by_convolution_is_pytorchs(height: int, width: int, scale: int, antialias: bool) -> None:
    image = torch.rand(2, 3, height, width)
    arguments = {"scale_factor": scale, "mode": "bicubic", "align_corners": False, "antialias": antialias}
    expected = F.interpolate(image, **arguments)
    with ByConvolution():
        torch.testing.assert_close(F.interpolate(image, **arguments), expected, atol=2e-6, rtol=0)


def test_the_image_may_be_named() -> None:
    image = torch.rand(1, 3, 5, 7)
    expected = F.interpolate(image, scale_factor=2, mode="bicubic")
    with ByConvolution():
        torch.testing.assert_close(F.interpolate(input=image, scale_factor=2, mode="bicubic"), expected)


@pytest.mark.parametrize(
    "arguments",
    [
        {"scale_factor": 2, "mode": "nearest"},
        {"scale_factor": 2, "mode": "bilinear", "align_corners": False},
        {"scale_factor": 2, "mode": "bicubic", "align_corners": True},
        {"scale_factor": 1.5, "mode": "bicubic"},
        {"size": (9, 11), "mode": "bicubic"},
    ],
)
def test_any_other_is_pytorchs_own(arguments: dict[str, object]) -> None:
    image = torch.rand(1, 3, 5, 7)
    expected = F.interpolate(image, **arguments)
    with ByConvolution():
        assert torch.equal(F.interpolate(image, **arguments), expected)
