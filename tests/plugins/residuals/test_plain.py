import torch
from torch import nn

from qnas.core.components import Residual


def test_adds_its_input():
    body = nn.Conv2d(3, 3, 3, padding=1)
    x = torch.randn(2, 3, 5, 5)
    assert torch.equal(Residual.of("plain").wrap(body, 3)(x), body(x) + x)


def test_batch_norm_stands_before_the_body():
    body = nn.Conv2d(3, 3, 3, padding=1)
    wrapped = Residual.of("batch-norm").wrap(body, 3)
    x = torch.randn(4, 3, 5, 5) * 3 + 2
    normalised = (x - x.mean((0, 2, 3), keepdim=True)) / (x.var((0, 2, 3), keepdim=True, correction=0) + 1e-5).sqrt()
    assert torch.allclose(wrapped(x), body(normalised) + x, atol=1e-5)
