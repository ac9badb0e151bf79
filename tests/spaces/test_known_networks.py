"""The known networks against published figures."""

import pytest
import torch
from torch import nn

from qnas.core.components import Quantizer, Space
from qnas.core.network import build_found, count_found, find_slots
from qnas.core.network.calibration import calibrate

from ..totals import total

KNOWN = [
    *("espcn", "fsrcnn", "srresnet", "edsr-baseline", "imdn", "rfdn", "rlfn", "ecbsr", "abpn"),
    *("span", "compact", "quicksrnet", "xlsr"),
]
LSQ = Quantizer.of("lsq")
LR_SIZE = {2: (360, 640), 3: (240, 427), 4: (180, 320)}  # for a 1280 x 720 output

# Thousands of parameters and GMACs for a 1280 x 720 output, by network and scale.
PUBLISHED = {
    # Ahn et al. 2018 (CARN), tables of benchmark results: SRResNet is the form without Batch Norm there
    ("edsr-baseline", 2): (1370, 316.3),
    ("edsr-baseline", 3): (1555, 160.2),
    ("edsr-baseline", 4): (1518, 114.2),
    ("srresnet", 4): (1518, 146.1),
    # Hui et al. 2019
    ("imdn", 2): (694, 158.8),
    ("imdn", 3): (703, 71.5),
    ("imdn", 4): (715, 40.9),
    # MACs: Liu et al. 2020; parameters: Zhang et al. 2020 (AIM 2020 challenge on efficient super-resolution). The
    # 550 K of Liu et al. are of their variant with 48 channels and six blocks; by the code of their block it has 582 K,
    # and at 550 K its MACs could not be 23.9 G: that many weights at the size of the LR image multiply 31.6 G.
    ("rfdn", 4): (433, 23.9),
    # Kong et al. 2022
    ("rlfn", 2): (527, 115.4),
    ("rlfn", 4): (543, 29.8),
}

SMALL, LARGE = {"body": [{"block": "chain", "length": 2}]}, {"channels": 64, "body": [{"block": "chain", "length": 11}]}
DEEP = {"body": [{"block": "chain", "length": 32}]}

# Thousands of parameters where no MACs are published for this size, by network, scale and what else is set.
PUBLISHED_PARAMETERS = [
    # SPAN-S and SPAN of Wan et al. 2024, as a public table of small networks quotes them
    ("span", 4, {}, 426),
    ("span", 4, {"channels": 52}, 498),
    # realesr-animevideov3 and realesr-general-x4v3, as Hugging Face counts the weights of the official files
    ("compact", 4, {}, 621),
    ("compact", 4, DEEP, 1210),
    # The medium variant: the tensors in the official file at x2, as LibreYOLO counts them, and at x3 the model card of
    # Qualcomm AI Hub. The others: model cards of APLUX, 32.48 and 425.67 times 1024
    ("quicksrnet", 2, {}, 50.604),
    ("quicksrnet", 3, {}, 55.0),
    ("quicksrnet", 4, SMALL, 33.26),
    ("quicksrnet", 4, LARGE, 435.9),
    # Model cards of Qualcomm AI Hub
    ("xlsr", 3, {}, 22.0),
    ("xlsr", 4, {}, 28.0),
]


@pytest.fixture(scope="module")
def count(draw):
    """The convolutions of a network as published, at one bit-width."""

    def convolutions(name, scale=4, size=(180, 320), bits=32, **fields):
        space = native(name, bits, **fields)
        return count_found(space, scale, draw(space, scale), LSQ, size)

    return convolutions


def native(name, bits=32, **fields):
    return Space.of({"name": name, "bits": [bits], "operations": ["native"], **fields})


def weights(convolutions, *paths):
    return sum(c.weights for c in convolutions if not paths or c.path.startswith(paths))


@pytest.mark.parametrize(("name", "scale"), PUBLISHED)
def test_parameters_and_macs_are_those_published(count, draw, name, scale):
    thousands, giga = PUBLISHED[name, scale]
    space = native(name)
    with torch.device("meta"):
        network = build_found(space, scale, draw(space, scale), Quantizer.of("none"))
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(thousands * 1e3, rel=0.02)
    assert total("macs", count(name, scale, LR_SIZE[scale])) == pytest.approx(giga * 1e9, rel=0.02)


@pytest.mark.parametrize(("name", "scale", "fields", "thousands"), PUBLISHED_PARAMETERS)
def test_parameters_are_those_published_and_all_weights_run_at_the_size_of_the_lr_image(
    count, name, scale, fields, thousands
):
    convolutions = count(name, scale, LR_SIZE[scale], **fields)
    assert total("params", convolutions) == pytest.approx(thousands * 1e3, rel=0.02)
    height, width = LR_SIZE[scale]
    assert total("macs", convolutions) == weights(convolutions) * height * width


def test_ecbsr_is_as_published_but_for_its_colours(count):
    """603 K parameters and 34.7 GMACs (Zhang et al. 2021) are of one channel, ours has three at both ends."""
    convolutions = count("ecbsr")
    head, output = 3 * 3 * 64 * (3 - 1), 3 * 3 * 64 * 4**2 * (3 - 1)
    biases = 4**2 * (3 - 1)
    assert total("params", convolutions) - head - output - biases == pytest.approx(603e3, rel=0.02)
    assert total("macs", convolutions) - (head + output) * 180 * 320 == pytest.approx(34.7e9, rel=0.02)


def test_espcn_is_as_published_but_for_its_colours(count):
    """Shi et al. 2016, section 3.2: (f1, n1) = (5, 64), (f2, n2) = (3, 32), f3 = 3; one channel there, three here."""
    convolutions = count("espcn")
    assert weights(convolutions) == 5 * 5 * 3 * 64 + 3 * 3 * 64 * 32 + 3 * 3 * 32 * 3 * 4**2 == 37_056
    assert total("macs", convolutions) == 37_056 * 180 * 320


def test_fsrcnn_is_as_published_between_its_ends(count):
    """12,464 weights (Dong et al. 2016) with a 5 x 5 head and a 9 x 9 transposed convolution on one channel."""
    convolutions = count("fsrcnn")
    assert weights(convolutions, "body") == 12_464 - 5 * 5 * 56 - 9 * 9 * 56 == 6528
    assert weights(convolutions, "head") == 5 * 5 * 3 * 56
    assert weights(convolutions, "upsample") == 3 * 3 * 56 * 3 * 4**2
    assert total("macs", convolutions) == weights(convolutions) * 180 * 320


def test_abpn_has_its_published_parameters(count):
    """42.54 K at x3 (Du et al. 2021), the scale that it was published for."""
    assert total("params", count("abpn", scale=3)) == pytest.approx(42.54e3, abs=5)
    inside = (3 * 9 + 1) * 28 + 4 * (28 * 9 + 1) * 28
    at_end = (28 * 9 + 1) * 48 + (48 * 9 + 1) * 48
    convolutions = count("abpn")
    assert total("params", convolutions) == inside + at_end == 62_048
    assert total("macs", convolutions) == weights(convolutions) * 180 * 320


ONE_STEP = {"fusion": ["conv3x3"], "skip": True, "upsampler": "pixel-shuffle", "upsample_to": "image", "tail": []}


@pytest.mark.parametrize(
    ("name", "fields", "giga"),
    [("espcn", {}, 0.61), ("edsr-baseline", {}, 32.5), ("srresnet", ONE_STEP, 20.4)],
    ids=["espcn", "edsr-baseline", "srresnet with one pixel shuffle"],
)
def test_bitops_at_4_bits_are_those_of_our_figures(count, name, fields, giga):
    bitops = total("bitops", count(name, size=(32, 32), bits=4, **fields))
    assert bitops / 1e9 == pytest.approx(giga, abs=0.05 if giga > 1 else 0.005)


@pytest.mark.slow
@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("bits", [4, 8, 32])
@pytest.mark.parametrize("name", KNOWN)
def test_every_network_can_be_float_or_uniformly_quantized_at_every_scale(draw, name, bits, scale):
    space = native(name, bits)
    network = build_found(space, scale, draw(space, scale), LSQ).eval()
    image = torch.rand(1, 3, 7, 9, generator=torch.Generator().manual_seed(scale))
    calibrate(network, lambda: network(image))
    with torch.no_grad():
        output = network(image)
    assert output.shape == (1, 3, 7 * scale, 9 * scale)
    assert output.isfinite().all()
    assert {m.widths for m in network.modules() if isinstance(m, nn.Conv2d)} == {(bits, bits)}


@pytest.mark.parametrize("name", [*KNOWN, "quantnas-rfdn", "basic", "skeleton"])
def test_what_an_unsigned_slot_reads_is_never_negative(draw, name):
    space = native(name)
    network = build_found(space, 4, draw(space), Quantizer.of("none")).eval()
    unsigned = [path for path, shape in find_slots(space.build(4)).items() if not shape.signed]
    lowest = {}
    for path in unsigned:
        operation = network.get_submodule(path).operation
        operation.register_forward_pre_hook(lambda _, inputs, path=path: lowest.update({path: inputs[0].min().item()}))
    with torch.no_grad():
        network(torch.rand(1, 3, 11, 9, generator=torch.Generator().manual_seed(0)))
    assert set(lowest) == set(unsigned)
    assert [path for path in unsigned if lowest[path] < 0] == []
