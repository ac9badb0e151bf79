import torch
from torch import nn

from qnas.core.components import Residual


def test_adds_its_input():
    body = nn.Conv2d(3, 3, 3, padding=1)
    x = torch.randn(2, 3, 5, 5)
    assert torch.equal(Residual.of("plain").wrap(body, 3)(x), body(x) + x)
