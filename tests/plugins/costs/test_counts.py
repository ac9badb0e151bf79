import pytest

from qnas.core.components import ConvolutionShape, Cost, Part


def shape(**changed):
    fields = {
        "path": "body.0",
        "in_channels": 12,
        "out_channels": 24,
        "kernel_size": (5, 3),
        "groups": 3,
        "output_size": (32, 20),
        "bias": True,
        "weight_bits": 4,
        "activation_bits": 8,
    }
    return ConvolutionShape(**{**fields, **changed})


WEIGHTS = 5 * 3 * (12 // 3) * 24


@pytest.mark.parametrize(
    ("cost", "changed", "expected"),
    [
        ("macs", {}, WEIGHTS * 32 * 20),
        ("macs", {"weight_bits": 2}, WEIGHTS * 32 * 20),
        ("bitops", {}, WEIGHTS * 32 * 20 * 4 * 8),
        ("bitops", {"weight_bits": 32, "activation_bits": 32}, WEIGHTS * 32 * 20 * 1024),
        ("bitops", {"groups": 1}, 3 * WEIGHTS * 32 * 20 * 4 * 8),
        ("params", {}, WEIGHTS + 24),
        ("params", {"bias": False}, WEIGHTS),
        ("params", {"output_size": (1, 1)}, WEIGHTS + 24),
        ("size", {}, WEIGHTS // 2 + 4 * 24),
        ("size", {"bias": False, "weight_bits": 3, "in_channels": 3, "out_channels": 3}, -(-5 * 3 * 3 * 3 // 8)),
        ("size", {"repeated": True}, 0),
    ],
)
def test_counts_are_those_of_their_definition(cost, changed, expected):
    assert Cost.of(cost).of_convolution(shape(**changed)) == expected


def test_bitops_grow_with_both_widths():
    bitops = Cost.of("bitops").of_convolution
    assert bitops(shape(weight_bits=8, activation_bits=8)) == 4 * bitops(shape(weight_bits=4, activation_bits=4))


def test_the_size_of_a_part_has_its_steps_and_other_numbers_in_float32():
    size, one = Cost.of("size"), shape()
    for price in (size.of_candidate, size.of_rest):
        assert price(Part([one, shape(repeated=True)], steps=25, others=3)) == size.of_convolution(one) + 4 * 28
