import pytest
import torch
import torch.nn.functional as F

from qnas.core.components import Quantizer
from qnas.core.network import QuantizedActivation, QuantizedLayers
from qnas.core.settings import FLOAT, Widths
from qnas.quantizers.lsq import LSQFakeQuantizer

LSQ = Quantizer.of({"name": "lsq", "start": "published"})


@pytest.mark.parametrize("kernel", [1, 3, 5, (3, 1), (1, 7)])
@pytest.mark.parametrize("dilation", [1, 2, 3])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_same_convolution_divides_the_size_by_the_stride_rounding_up(kernel, dilation, stride):
    layer = QuantizedLayers(LSQ, FLOAT).conv(2, 4, kernel, stride=stride, groups=2, dilation=dilation)
    output = layer(torch.rand(1, 2, 13, 10))
    assert output.shape == (1, 4, -(-13 // stride), -(-10 // stride))


def test_even_kernels_are_refused():
    with pytest.raises(ValueError, match=r"odd kernel sizes \(got \(3, 4\)\)"):
        QuantizedLayers(LSQ, FLOAT).conv(2, 4, (3, 4))


def test_quantized_convolution_convolves_with_quantized_weights_and_float_bias():
    torch.manual_seed(0)
    layer = QuantizedLayers(LSQ, Widths(3, 8)).conv(4, 6, 3, stride=2, groups=2, dilation=3)
    features = torch.randn(2, 4, 9, 9)
    mean = layer.weight.detach().abs().mean(dim=(1, 2, 3), keepdim=True)
    step = 2 * mean / 3**0.5  # set up from its own weights when it is made
    weights = step * (layer.weight / step).round().clamp(-4, 3)
    expected = F.conv2d(features, weights, layer.bias, stride=2, padding=3, dilation=3, groups=2)
    torch.testing.assert_close(layer(features), expected)
    assert layer.widths == (3, 8)


def test_without_values_no_quantizer_is_set_up(monkeypatch):
    monkeypatch.setattr(LSQFakeQuantizer, "observe", lambda *_: pytest.fail("it was shown what has no values"))
    with torch.device("meta"):
        QuantizedLayers(LSQ, Widths(3, 8)).conv(4, 6, 3).take({"weight": torch.zeros(6, 4, 3, 3)})


def test_layers_without_biases_make_none_whatever_is_asked_for():
    layers = QuantizedLayers(LSQ, FLOAT, bias=False)
    assert layers.conv(3, 5, 3).bias is layers.conv(3, 5, 3, bias=True).bias is None
    assert QuantizedLayers(LSQ, FLOAT).conv(3, 5, 3, bias=False).bias is None


def test_float_width_leaves_weights_and_activations_as_they_are():
    torch.manual_seed(0)
    layers = QuantizedLayers(LSQ, FLOAT)
    convolution = layers.conv(3, 5, 3)
    features = torch.randn(1, 3, 6, 6)
    expected = F.conv2d(features, convolution.weight, convolution.bias, padding=1)
    assert torch.equal(convolution(features), expected)
    assert torch.equal(layers.activation("relu")(features), features.relu())


def test_activation_is_applied_before_quantization():
    layer = QuantizedActivation("relu", LSQ, 2, signed=False)
    layer.quantizer.observe(torch.full((1,), 3**0.5 / 2))  # makes the step 1
    features = torch.tensor([-5.0, 0.4, 1.6, 2.7, 9.0]).view(1, 1, 1, 5)
    assert layer(features).flatten().tolist() == pytest.approx([0, 0, 2, 3, 3])


def test_activations_are_signed_exactly_where_there_is_none():
    layers = QuantizedLayers(LSQ, Widths(8, 4))
    assert layers.activation("relu").quantizer.grid()[1:3] == (0, 15)
    assert layers.activation("none").quantizer.grid()[1:3] == (-8, 7)
    assert layers.input_activation("none", signed=False).quantizer.grid()[1:3] == (0, 15)
