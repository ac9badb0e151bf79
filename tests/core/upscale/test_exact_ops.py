"""Arithmetic that doesn't depend on the place: equal to PyTorch's up to rounding, and to the bit in every part of an
image."""

import random

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from qnas.core.upscale.exact_ops import exact_ops

CPU = torch.device("cpu")
ENLARGINGS = [(scale, mode, smooth) for scale in (2, 3, 4, 5) for mode in ("bilinear", "bicubic") for smooth in (0, 1)]


def conv(channels: int, out: int, kernel: int | tuple[int, int], **more: int) -> nn.Module:
    size = (kernel, kernel) if isinstance(kernel, int) else kernel
    dilation = more.get("dilation", 1)
    return nn.Conv2d(channels, out, size, padding=tuple(dilation * (k // 2) for k in size), **more)


LAYERS = {
    # Layer, its channels, and how far it sees. PyTorch computes the first ones by several kernels.
    "head": (lambda: conv(3, 6, 3), 3, 1),
    "narrow": (lambda: conv(6, 6, 3), 6, 1),
    "pointwise": (lambda: conv(6, 6, 1), 6, 0),
    "wide": (lambda: conv(28, 40, 3), 28, 1),
    "one channel": (lambda: conv(1, 1, 3), 1, 1),
    "from one channel": (lambda: conv(1, 8, 1), 1, 0),
    "to one channel": (lambda: conv(8, 1, 3), 8, 1),
    "grouped": (lambda: conv(6, 12, 5, groups=3), 6, 2),
    "depthwise": (lambda: conv(18, 18, 5, groups=18), 18, 2),
    "factorized": (lambda: conv(18, 18, (5, 1)), 18, 2),
    "dilated": (lambda: conv(6, 6, 3, dilation=2), 6, 2),
    "without bias": (lambda: conv(6, 6, 3, bias=False), 6, 1),
    "mirrored": (lambda: nn.Conv2d(6, 6, 3, padding=1, padding_mode="reflect"), 6, 1),
    "transposed": (lambda: nn.ConvTranspose2d(6, 3, 4, 2, 1), 6, 2),
    "transposed by 4": (lambda: nn.ConvTranspose2d(8, 3, 9, 4, 4, 3), 8, 2),
    "sigmoid": (nn.Sigmoid, 6, 0),
    "silu": (nn.SiLU, 6, 0),
    "tanh": (nn.Tanh, 6, 0),
    "prelu": (nn.PReLU, 6, 0),
    "channel-prelu": (lambda: nn.PReLU(6), 6, 0),
    "upsample": (lambda: nn.Upsample(scale_factor=3, mode="bicubic"), 6, 4),
    **{
        f"{mode}{'-aa' * smooth} x{scale}": (
            lambda scale=scale, mode=mode, smooth=bool(smooth): Enlarge(scale, mode, smooth),
            3,
            4,
        )
        for scale, mode, smooth in ENLARGINGS
    },
}


class Enlarge(nn.Module):
    def __init__(self, scale, mode, smooth):
        super().__init__()
        self.options = {"scale_factor": scale, "mode": mode, "align_corners": False, "antialias": smooth}

    def forward(self, image):
        return F.interpolate(image, **self.options)


@pytest.fixture(params=LAYERS)
def layer(request):
    make, channels, reach = LAYERS[request.param]
    torch.manual_seed(0)
    return make(), channels, reach


@torch.inference_mode()
def test_it_is_pytorchs_own_to_rounding(layer):
    module, channels, _ = layer
    image = torch.randn(2, channels, 13, 18)
    with exact_ops(CPU):
        ours = module(image)
    torch.testing.assert_close(ours, module(image), rtol=1e-5, atol=1e-5)


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="only oneDNN has one kernel for all sizes")
@torch.inference_mode()
def test_a_part_is_computed_as_the_whole_is(layer):
    module, channels, reach = layer
    image = torch.randn(1, channels, 150, 161)
    draw = random.Random(0)
    with exact_ops(CPU):
        whole = module(image)
        scale = whole.shape[2] // image.shape[2]
        for largest in (30, 30, 30, 100, 100, 140):
            height, width = draw.randint(12, largest), draw.randint(12, largest)
            top, left = draw.randint(0, 150 - height), draw.randint(0, 161 - width)
            # As an image in a batch, and alone: both are channels last in memory, with different strides.
            rows = image.permute(0, 2, 3, 1)[:, top : top + height, left : left + width].contiguous()
            part = module(rows.permute(0, 3, 1, 2) if draw.random() < 0.5 else rows[0].permute(2, 0, 1)[None])
            inner_rows, inner_columns = (slice(reach * scale, (side - reach) * scale) for side in (height, width))
            same_place = whole[:, :, top * scale :, left * scale :][:, :, inner_rows, inner_columns]
            assert torch.equal(part[:, :, inner_rows, inner_columns], same_place)


@torch.inference_mode()
def test_what_it_does_not_know_is_left_as_it_is():
    image = torch.randn(1, 3, 9, 9)
    module = nn.Conv2d(3, 4, 3, padding="same")
    for call in (
        lambda: module(image),
        lambda: module.double()(image.double()),
        lambda: F.interpolate(image, size=(20, 17), mode="bilinear"),
        lambda: F.interpolate(image, scale_factor=1.5, mode="bilinear"),
        lambda: F.interpolate(image, scale_factor=2, mode="bilinear", align_corners=True),
        lambda: F.interpolate(image, scale_factor=3, mode="nearest"),
        lambda: F.max_pool2d(image, 2),
    ):
        with exact_ops(CPU):
            ours = call()
        assert torch.equal(ours, call())


def test_onednn_is_on_again_afterwards():
    with exact_ops(CPU), torch.inference_mode():
        nn.ConvTranspose2d(3, 3, 4, 2, 1)(torch.randn(1, 3, 9, 9))
    assert torch.backends.mkldnn.enabled


@pytest.mark.parametrize(
    ("make", "pixels"),
    [
        (lambda: conv(3, 6, 3), 3),
        (lambda: conv(3, 6, 5), 5),
        # A third of the new pixels coincide with old ones, the others are made of four.
        (lambda: Enlarge(3, "bicubic", True), 1 + 4 + 4),
    ],
)
def test_not_a_number_reaches_what_depends_on_it_and_no_more(make, pixels):
    image = torch.zeros(1, 3, 21, 21)
    image[0, 0, 10, 10] = torch.nan
    with exact_ops(CPU), torch.inference_mode():
        assert make()(image).isnan().any(dim=1).sum().item() == pixels**2


def test_keywords_and_acting_in_place_mean_what_they_mean_elsewhere():
    image, weight = torch.rand(1, 4, 6, 5), torch.rand(3, 4, 3, 3)
    expected, squashed = F.conv2d(image, weight, padding=1), F.silu(image)
    acted = image.clone()
    with exact_ops(CPU):
        torch.testing.assert_close(F.conv2d(input=image, weight=weight, padding=1), expected)
        torch.testing.assert_close(torch.sigmoid(image, out=torch.empty(0)), image.sigmoid())
        F.silu(acted, inplace=True)
    torch.testing.assert_close(acted, squashed)


@pytest.mark.parametrize(
    "layer",
    [conv(4, 6, 3), conv(1, 6, 3), nn.ConvTranspose2d(4, 3, 4, 2, 1), nn.Upsample(scale_factor=2, mode="bicubic")],
)
def test_contiguous_images_stay_contiguous(layer):
    channels = getattr(layer, "in_channels", 4)
    with torch.no_grad(), exact_ops(CPU):
        assert layer(torch.rand(2, channels, 6, 5)).is_contiguous()
