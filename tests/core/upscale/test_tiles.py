"""Tiles: they cover the image, and no seam is left, to the bit."""

import functools
import itertools
import random
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import nn

from qnas.core.components import Quantizer, Space, freeze_statistics
from qnas.core.network import build_found, slot_candidates
from qnas.core.network.calibration import calibrate
from qnas.core.upscale import tiles
from qnas.core.upscale.cutting import ReceptiveField, spans
from qnas.core.upscale.enlarging import enlarge
from qnas.core.upscale.exact_ops import exact_ops
from qnas.core.upscale.gathering import TilingError
from qnas.core.upscale.memory import Footprint
from qnas.core.upscale.tiles import TooLargeError, Upscaler

CPU = torch.device("cpu")
only_onednn = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="elsewhere it is so to rounding")


def network_of(fields: dict, scale: int, seed: int = 0, train: str = "lsq") -> nn.Module:
    """A network with random candidates, each part of which affects the output."""
    torch.manual_seed(seed)
    space, pick = Space.of(fields), random.Random(seed).choice
    chosen = {path: pick(options) for path, options in slot_candidates(space, scale).items()}
    network = build_found(space, scale, chosen, Quantizer.of(train))
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            nn.init.normal_(parameter, std=0.1)
        elif name.startswith("gain."):
            nn.init.ones_(parameter)
    calibrate(network.train(), lambda: network(torch.rand(2, 3, 16, 16)))
    freeze_statistics(network)
    return network.eval()


def image_of(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@given(
    length=st.integers(1, 300),
    tile=st.integers(1, 90),
    halo=st.integers(0, 50),
    step=st.sampled_from([1, 2, 3, 8, 48]),
)
def test_spans_cover_once_with_their_halo_and_are_cut_at_steps(length, tile, halo, step):
    cut = list(spans(length, tile, ReceptiveField(halo, step)))
    covered = [pixel for span in cut for pixel in range(span.inner, span.inner_stop)]
    assert covered == list(range(length))
    for span in cut:
        assert span.start == 0 or (span.start % step == 0 and span.inner - span.start >= halo)
        assert span.stop == length or span.stop - span.inner_stop == halo
        assert span.inner_stop - span.inner < tile + step
        assert span.enlarged(3) == slice(3 * span.inner, 3 * span.inner_stop)
        inside = span.enlarged_inside(3)
        assert (inside.start + 3 * span.start, inside.stop + 3 * span.start) == (3 * span.inner, 3 * span.inner_stop)


SPACES = {
    "basic": {"name": "basic", "channels": 6, "cells": 1, "residual": "plain", "image_residual": "bicubic"},
    "adq": {"name": "basic", "channels": 6, "cells": 1, "residual": "adq", "image_residual": "bilinear"},
    "adadm": {"name": "basic", "channels": 9, "cells": 1, "residual": "adadm", "variant": "A"},
    "edsr": {"name": "edsr-baseline", "channels": 8, "body": [{"block": "residual", "repeat": 2}]},
    "espcn": {"name": "espcn", "channels": 8, "body": [{"block": "chain", "channels": 6}]},
    "fsrcnn": {"name": "fsrcnn", "channels": 12, "body": [{"block": "chain", "channels": 4}, "chain"]},
    "ecbsr": {"name": "ecbsr", "channels": 8, "body": ["chain"]},
    "abpn": {"name": "abpn", "channels": 8, "body": ["chain"]},
    "srresnet": {"name": "srresnet", "channels": 8, "body": ["residual"]},
    "imdn": {"name": "imdn", "channels": 8, "body": ["imdb"]},
    "span": {"name": "skeleton", "channels": 6, "body": ["spab"], "activation": "silu"},
}


@pytest.mark.slow
@only_onednn
@pytest.mark.parametrize(("name", "scale"), [*zip(SPACES, itertools.cycle([2, 4])), ("basic", 3), ("adq", 3)])
@pytest.mark.parametrize("bits", [4, 32])
def test_no_seam_is_left(name, bits, scale):
    """Whatever the sizes of image and tiles are, also as floats."""
    draw = random.Random(f"{name} {bits} {scale}")
    upscaler = Upscaler(network_of({**SPACES[name], "bits": [bits]}, scale, seed=draw.randrange(100)), scale, CPU)
    assert 1 <= upscaler.plan.field.halo < 30
    assert upscaler.plan.field.step == 1
    for tile in (draw.choice([5, 11]), draw.choice([16, 33]), 64):
        lr = image_of(draw.randint(3, 40 if tile < 16 else 110), draw.randint(3, 40 if tile < 16 else 110))
        upscaler.tile = tile
        np.testing.assert_array_equal(upscaler(lr), enlarge(upscaler.network, lr, CPU))
        assert torch.equal(*floats(upscaler.network, scale, lr, tile, upscaler.plan.field))


def floats(network, scale, lr, tile, field):
    """The network's output for an image, in tiles and as a whole."""
    image = torch.tensor(lr).permute(2, 0, 1)[None] / 255
    with torch.inference_mode(), exact_ops(CPU):
        whole = network(image)
        rows = []
        for row in spans(lr.shape[0], tile, field):
            parts = []
            for column in spans(lr.shape[1], tile, field):
                part = network(image[:, :, row.start : row.stop, column.start : column.stop])
                parts.append(part[:, :, row.enlarged_inside(scale), column.enlarged_inside(scale)])
            rows.append(torch.cat(parts, dim=3))
    return torch.cat(rows, dim=2), whole


@only_onednn
@settings(max_examples=12)
@given(
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    tile=st.integers(4, 95),
    train=st.sampled_from(["lsq", "hwgq", "pact", "none"]),
)
def test_no_seam_is_left_whatever_the_sizes(height, width, tile, train):
    upscaler = quantized_by(train)
    lr, upscaler.tile = image_of(height, width), tile
    np.testing.assert_array_equal(upscaler(lr), enlarge(upscaler.network, lr, CPU))


@functools.cache
def quantized_by(train):
    return Upscaler(network_of({**SPACES["basic"], "bits": [4]}, 2, train=train), 2, CPU)


@pytest.mark.parametrize("missing", [1, 2])
def test_a_smaller_halo_leaves_a_seam(missing):
    """The halo is no larger than necessary."""
    network = network_of({**SPACES["basic"], "bits": [32]}, 2)
    lr, field = image_of(60, 60), Upscaler(network, 2, CPU).plan.field
    tiled, whole = floats(network, 2, lr, 20, field._replace(halo=field.halo - missing))
    assert not torch.equal(tiled, whole)


class Pooled(nn.Module):
    """Pixels in a cell of 4 x 4 get the same value added."""

    def forward(self, image):
        cells = nn.functional.avg_pool2d(image, 4, ceil_mode=True)
        added = nn.functional.interpolate(cells, scale_factor=4)[:, :, : image.shape[2], : image.shape[3]]
        return nn.functional.interpolate(image - added, scale_factor=2)


@pytest.mark.parametrize("tile", [1, 4, 6, 17])
def test_networks_with_strides_are_cut_at_them(tile):
    upscaler = Upscaler(Pooled().eval(), 2, CPU, tile)
    assert upscaler.plan.field == (3, 4)
    lr = image_of(41, 30)
    np.testing.assert_array_equal(upscaler(lr), enlarge(upscaler.network, lr, CPU))


class Counting(nn.Module):
    """Enlarges by 2, and records the sizes of its inputs."""

    def __init__(self, function=lambda image: image):
        super().__init__()
        self.function = function
        self.sizes = []

    def forward(self, image):
        self.sizes.append(tuple(image.shape[2:]))
        return nn.functional.interpolate(self.function(image), scale_factor=2)


def median(image):
    return image * image.median()


@pytest.fixture
def small(monkeypatch):
    """Images of more than 20 x 20 pixels count as large, and tiles have 16 x 16."""
    monkeypatch.setattr(tiles, "LARGE", 20)
    monkeypatch.setattr(tiles, "TILE", 16)


@pytest.mark.usefixtures("small")
def test_large_images_are_cut_by_themselves():
    network = Counting()
    upscaler = Upscaler(network, 2, CPU)
    upscaler(image_of(20, 20))
    assert network.sizes == [(20, 20)]
    upscaler(image_of(20, 21))
    assert network.sizes[-4:] == [(16, 16), (16, 5), (4, 16), (4, 5)]


@pytest.mark.usefixtures("small")
def test_images_that_take_much_memory_are_cut_even_if_they_are_not_large(monkeypatch):
    monkeypatch.setattr(tiles, "LARGE", 100)
    monkeypatch.setattr(tiles, "WORKING", 50_000)
    network = Counting()
    upscaler = Upscaler(network, 2, CPU)
    upscaler(image_of(20, 20))  # 4 bytes x 3 channels x (1 + 4) pixels x 400 = 24 kB
    assert network.sizes == [(20, 20)]
    upscaler(image_of(40, 40))
    assert network.sizes[-1] == (8, 8)


@pytest.mark.usefixtures("small")
def test_large_images_are_enlarged_whole_where_tiles_would_not_fit(monkeypatch):
    monkeypatch.setattr(tiles, "WORKING", 1000)
    network = Counting(median)
    upscaler = Upscaler(network, 2, CPU)
    said = r"^large images are enlarged whole: pixels depend on more than their surroundings, so tiles would not fit "
    with pytest.warns(UserWarning, match=said):
        upscaler(image_of(30, 30))
    with warnings.catch_warnings(action="error"):  # warns once
        result = upscaler(image_of(40, 30))
    assert network.sizes[-2:] == [(30, 30), (40, 30)]
    np.testing.assert_array_equal(result, enlarge(network, image_of(40, 30), CPU))


@pytest.mark.usefixtures("small")
def test_passes_are_taken_only_where_the_whole_takes_much_memory(monkeypatch):
    network = Counting(lambda image: image * image.mean())
    for limit, tiles_seen in ((10**9, 0), (1000, 2 * 4)):
        monkeypatch.setattr(tiles, "WORKING", limit)
        upscaler = Upscaler(network, 2, CPU)
        network.sizes.clear()
        upscaler(image_of(30, 30))
        assert network.sizes.count((16, 16)) == bool(tiles_seen) * 2
        assert (network.sizes[-1] == (30, 30)) == (not tiles_seen)


@pytest.mark.usefixtures("small")
def test_0_is_whole_whatever_the_network():
    network = Counting(median)
    Upscaler(network, 2, CPU, tile=0)(image_of(30, 30))
    assert network.sizes == [(30, 30)]


def test_tiles_that_would_not_fit_are_refused_before_any_image():
    with pytest.raises(TilingError, match=r"so tiles would not fit together: leave out --tile$"):
        Upscaler(Counting(median), 2, CPU, tile=64)


def test_a_network_that_refuses_what_is_tried_is_enlarged_whole():
    def picky(image):
        if image.shape[2] != 300:
            raise ValueError("300 or nothing")
        return image

    lr = image_of(300, 1000)
    network = Counting(picky)
    np.testing.assert_array_equal(Upscaler(network, 2, CPU)(lr), enlarge(network, lr, CPU))
    with pytest.raises(TilingError, match=r"^tiles can't be tried: ValueError: 300 or nothing: leave out --tile$"):
        Upscaler(network, 2, CPU, tile=64)


def test_an_image_in_one_tile_is_whole():
    network = Counting()
    upscaler = Upscaler(network, 2, CPU, tile=32)
    upscaler(image_of(32, 20))
    assert network.sizes[-1] == (32, 20)


def test_what_share_is_done_is_reported():
    shares = []
    Upscaler(Counting(), 2, CPU, tile=10)(image_of(20, 15), shares.append)
    assert shares == [0.25, 0.5, 0.75, 1.0]


KINDS = {"local": lambda image: image, "pooled": lambda image: image * image.mean(), "median": median}
TILES, FEWER = "enlarge it in smaller tiles (--tile {})", "enlarge parts of it, or use a machine with more memory"
ADVICE = {
    ("local", None): FEWER,  # its tiles are the smallest
    ("local", 0): "leave out --tile 0",
    ("local", 300): TILES.format(150),
    ("local", 48): FEWER,
    ("pooled", None): FEWER,
    ("pooled", 0): "leave out --tile 0",
    ("pooled", 300): TILES.format(150),
    ("median", None): f"{FEWER} (pixels depend on more than their surroundings, so tiles would not fit together)",
    ("median", 0): f"{FEWER} (pixels depend on more than their surroundings, so tiles would not fit together)",
}


@pytest.mark.parametrize(("kind", "tile"), ADVICE)
def test_what_takes_too_much_memory_is_refused_with_what_the_network_permits(kind, tile, monkeypatch):
    """Following the advice succeeds: it never leads back to where one was."""
    lr = image_of(400, 500)
    monkeypatch.setattr(tiles, "TILE", 128)
    monkeypatch.setattr(tiles, "WORKING", 10**6)
    monkeypatch.setattr(tiles, "available", lambda _: int(400 * 500 * 12 * 7 / 3) + 1)
    monkeypatch.setattr(Upscaler, "_footprint", Footprint(10**8, 0))
    network = Counting(KINDS[kind])
    upscaler = Upscaler(network, 2, CPU, tile)
    network.sizes.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(TooLargeError) as refused:
            upscaler(lr)
    said = "an image of 500 x 400 takes about 0.1 GB of memory, but only 0.0 GB are free: "
    assert str(refused.value) == said + ADVICE[kind, tile]
    assert network.sizes == [] or (500, 400) not in network.sizes


def test_a_result_that_memory_does_not_suffice_for_is_refused(monkeypatch):
    monkeypatch.setattr(tiles, "available", lambda _: 10**6)
    with pytest.raises(TooLargeError, match=r"takes about 0\.0 GB .* are free: enlarge parts of it, or use a machine"):
        Upscaler(Counting(), 2, CPU)(image_of(300, 300))


def test_an_image_of_unknown_memory_is_tried(monkeypatch):
    monkeypatch.setattr(tiles, "available", lambda _: None)
    assert Upscaler(Counting(), 2, CPU)(image_of(300, 300)).shape == (600, 600, 3)
