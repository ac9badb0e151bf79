import torch

from qnas.core.components import Quantizer
from qnas.core.network import QuantizedLayers
from qnas.core.settings import FLOAT, Widths

NONE = Quantizer.of("none")


def test_leaves_every_tensor_as_it_is():
    tensor = torch.randn(2, 3, 4, 4)
    assert NONE.fake_quantizer(2, signed=False)(tensor) is tensor


def test_its_layers_count_as_float_whatever_their_width_says():
    convolution = QuantizedLayers(NONE, Widths(4, 8)).conv(3, 5, 3)
    assert convolution.widths == FLOAT
