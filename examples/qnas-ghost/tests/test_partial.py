"""Partial convolution against a single plain convolution that does the same."""

import pytest
import qnas
import torch
import torch.nn.functional as F
from torch import Tensor

SLOT = qnas.SlotShape("body", in_channels=9, out_channels=6, activation="none")
FIRST = 9 // 4


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [3, 5])
def test_it_is_the_t_shaped_convolution(kernel: int, stride: int) -> None:
    """As the paper describes it: all taps for the first channels, only the middle one for the others."""
    torch.manual_seed(0)
    slot = qnas.SlotShape("body", 9, 6, stride, "none")
    operation: qnas.Operation = qnas.Operation.of(f"partial{kernel}x{kernel}")
    module = qnas.Candidate(operation, qnas.FLOAT).fill(slot, qnas.Quantizer.of("none"))
    weights: list[Tensor] = [p for p in module.parameters() if p.dim() == 4]
    (partial, pointwise), middle = weights, kernel // 2
    assert partial.shape == (FIRST, FIRST, kernel, kernel)

    whole = torch.zeros(6, 9, kernel, kernel)
    whole[:, :FIRST] = torch.einsum("om,mikl->oikl", pointwise[:, :FIRST, 0, 0], partial)
    whole[:, FIRST:, middle, middle] = pointwise[:, FIRST:, 0, 0]

    features = torch.randn(2, 9, 8, 11)
    expected = F.conv2d(features, whole, padding=middle, stride=stride)
    torch.testing.assert_close(module(features), expected, rtol=1e-4, atol=1e-5)


def test_it_costs_what_the_paper_says() -> None:
    """``h w (k^2 c_p^2 + c c')``, with c_p of the c channels convolved."""
    with torch.device("meta"):
        module = qnas.Candidate(qnas.Operation.of("partial3x3"), qnas.FLOAT).fill(SLOT, qnas.Quantizer.of("none"))
    assert sum(shape.macs for shape in qnas.convolutions(module, 9, (8, 11))) == 8 * 11 * (9 * FIRST**2 + 9 * 6)


def test_too_few_channels_are_reported() -> None:
    assert "the slot has 3" in qnas.Operation.of("partial3x3").unfit(qnas.SlotShape("head", 3, 8))
    assert not qnas.Operation.of("partial3x3").unfit(qnas.SlotShape("head", 4, 8))
