import numpy as np
import pytest
import torch
import torch.nn.functional as F

from qnas.plugins.operations.starts import around_relu, centred, factorized, separated


def kernel(out_channels, in_channels, size=3):
    return torch.randn(out_channels, in_channels, size, size, generator=torch.Generator().manual_seed(0)).double()


def lost(matrix, rank):
    """What the best approximation of a rank loses (Eckart and Young 1936)."""
    return float((np.linalg.svd(matrix, compute_uv=False)[rank:] ** 2).sum())


def test_a_kernel_is_centred():
    whole = kernel(2, 3, 5)
    assert torch.equal(centred(whole, 3, 1), whole[:, :, 1:4, 2:3])
    assert torch.equal(centred(centred(whole, 7, 9), 5, 5), whole)


def test_a_separated_kernel_loses_no_more_than_rank_one_must():
    whole = kernel(6, 4)
    depthwise, pointwise = separated(whole)
    left = (depthwise.transpose(0, 1) * pointwise - whole).square().sum()
    least = sum(lost(whole[:, channel].flatten(1).numpy(), 1) for channel in range(4))
    assert float(left) == pytest.approx(least)


@pytest.mark.parametrize("shape", [(6, 4), (12, 2)])
def test_a_factorized_kernel_loses_no_more_than_its_rank_must(shape):
    whole = kernel(*shape)
    vertical, horizontal = factorized(whole)
    composed = torch.einsum("miab,omcd->oiad", vertical, horizontal)
    matrix = whole.permute(1, 2, 0, 3).reshape(shape[1] * 3, -1).numpy()
    assert float((composed - whole).square().sum()) == pytest.approx(lost(matrix, shape[0]), rel=1e-9, abs=1e-20)
    assert vertical.flatten(1).abs().sum(1).all()  # a channel that nothing reads can still learn


@pytest.mark.parametrize(
    ("shape", "middle", "signed"), [((6, 4), 9, True), ((6, 4), 5, False), ((2, 6), 5, True), ((2, 6), 4, True)]
)
def test_with_room_for_its_channels_a_relu_between_is_undone(shape, middle, signed):
    whole, features = kernel(*shape), torch.randn(1, shape[1], 8, 8).double()
    features = features if signed else features.relu()
    down, up = around_relu(whole, middle, signed=signed)
    assert len(down) == up.shape[1] == middle
    made = F.conv2d(F.conv2d(features, down, padding=1).relu(), up, padding=1)
    assert torch.allclose(made, F.conv2d(features, whole, padding=1))


def test_without_room_it_loses_no_more_than_half_of_the_middle_must():
    whole = kernel(6, 6)
    down, up = around_relu(whole, 7, signed=True)
    linear = torch.einsum("om,miab->oiab", up[:, :3, 1, 1], down[:3])
    assert float((linear - whole).square().sum()) == pytest.approx(lost(whole.flatten(1).numpy(), 3))
    assert torch.equal(up[:, 3:6], -up[:, :3]) and torch.equal(down[3:6], -down[:3]) and not up[:, 6:].any()
    assert around_relu(whole, 1, signed=True) == ()
