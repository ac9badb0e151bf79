import itertools

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings, strategies as st

from qnas.core.components import Quantizer
from qnas.core.network import QuantizedLayers
from qnas.core.network.mixing.kernel import KernelMerger
from qnas.core.settings import FLOAT

IN, OUT = 12, 24
KERNELS = [
    (size, groups, dilation)
    for size, groups, dilation in itertools.product([1, 3, 5, (3, 1), (1, 5), (5, 3)], [1, 2, 3, 4, 6, 12], [1, 2, 3])
]


def convolutions(kernels, stride=1, channels=(IN, OUT)):
    torch.manual_seed(0)
    layers = QuantizedLayers(Quantizer.of("none"), FLOAT)
    return [
        layers.conv(*channels, size, stride=stride, groups=groups, dilation=dilation).double()
        for size, groups, dilation in kernels
    ]


def shares_of(kernels):
    return torch.rand(len(kernels), dtype=torch.float64, generator=torch.Generator().manual_seed(1)) - 0.3


def merged_convolution(merger, features, kernels, shares):
    merged = merger.merge(kernels, shares)
    return F.conv2d(features, merged, None, merger.stride, merger.padding, groups=merger.groups)


@settings(max_examples=60, derandomize=True)
@given(
    kernels=st.lists(st.sampled_from(KERNELS), min_size=1, max_size=5),
    stride=st.integers(1, 3),
    height=st.integers(5, 9),
    width=st.integers(5, 9),
)
def test_one_merged_kernel_convolves_like_the_weighted_sum_of_all(kernels, stride, height, width):
    parts, shares = convolutions(kernels, stride), shares_of(kernels)
    features = torch.randn(2, IN, height, width, dtype=torch.float64)
    expected = sum(
        share
        * F.conv2d(
            features,
            part.weight,
            stride=stride,
            padding=[dilation * (k // 2) for k in part.weight.shape[-2:]],
            dilation=dilation,
            groups=groups,
        )
        for share, part, (_, groups, dilation) in zip(shares, parts, kernels, strict=True)
    )
    actual = merged_convolution(KernelMerger(parts), features, [p.weight for p in parts], shares)
    torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    "kernels",
    [
        [(3, 1, 1), (5, 1, 1), (1, 1, 1)],
        [(1, 1, 1), (3, 2, 1), (3, 4, 2)],
        [(3, 4, 2), (5, 2, 1), ((1, 5), 2, 1)],
    ],
)
def test_gradient_of_merging_is_its_derivative(kernels):
    parts = convolutions(kernels, channels=(4, 4))
    merger, shares = KernelMerger(parts), shares_of(kernels).requires_grad_()
    assert torch.autograd.gradcheck(lambda s, *w: merger.merge(w, s), [shares, *(p.weight for p in parts)])


def test_each_weight_of_a_grouped_dilated_kernel_lands_where_the_definition_puts_it():
    dense, grouped = parts = convolutions([(5, 1, 1), (3, 3, 2)])
    merged = KernelMerger(parts).merge([torch.zeros_like(dense.weight), grouped.weight], torch.ones(2))
    expected = torch.zeros(OUT, IN, 5, 5, dtype=torch.float64)
    for out, column, row, col in itertools.product(range(OUT), range(IN // 3), range(3), range(3)):
        group = out // (OUT // 3)
        expected[out, group * (IN // 3) + column, 2 * row, 2 * col] = grouped.weight[out, column, row, col]
    assert torch.equal(merged, expected)


@pytest.mark.parametrize(("groups", "common"), [([12, 12], 12), ([12, 4], 4), ([4, 6], 2), ([3, 4], 1)])
def test_groups_that_all_kernels_share_stay_groups(groups, common):
    merger = KernelMerger(convolutions([(3, g, 1) for g in groups]))
    assert merger.groups == common
    assert merger.shape == (OUT, IN // common, 3, 3)


def test_merges_kernels_in_channels_last_memory():
    parts = convolutions([(3, 1, 1), (5, 2, 1)])
    merger, shares = KernelMerger(parts), shares_of(parts)
    contiguous = merger.merge([p.weight for p in parts], shares)
    last = [p.weight.detach().to(memory_format=torch.channels_last).requires_grad_() for p in parts]
    merged = merger.merge(last, shares)
    assert torch.equal(merged, contiguous)
    weights = torch.randn_like(merged).to(memory_format=torch.channels_last)
    (merged * weights).sum().backward()
    expected = torch.autograd.grad((contiguous * weights).sum(), [p.weight for p in parts])
    for kernel, gradient in zip(last, expected, strict=True):
        assert torch.equal(kernel.grad, gradient)
