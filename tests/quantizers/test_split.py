import pytest
import torch
from pydantic import ValidationError

from qnas.core.components import Quantizer, WeightedSum
from qnas.core.network import QuantizedLayers, Supernet
from qnas.core.settings import Widths
from qnas.quantizers.lsq import LSQ
from qnas.testing.small import SCALE, small_space

SPLIT = Quantizer.of({"name": "split", "weights": "dorefa", "activations": {"name": "hwgq", "measured": False}})


def test_weights_and_activations_have_the_quantizers_that_are_said_of_them():
    torch.manual_seed(0)
    layers = QuantizedLayers(SPLIT, Widths(4, 3))
    convolution, activation = layers.conv(3, 5, 3), layers.activation("relu")
    features = torch.randn(1, 3, 8, 8)
    weights = Quantizer.of("dorefa").fake_quantizer(4, signed=True, channels=5)
    values = Quantizer.of({"name": "hwgq", "measured": False}).fake_quantizer(3, signed=False)
    weights.observe(convolution.weight.detach())
    assert torch.equal(convolution.weight_quantizer(convolution.weight), weights(convolution.weight))
    assert torch.equal(activation(features), values(features.relu()))


class OwnMixture(WeightedSum):
    """A mixture that replaces the plain sum."""


class Own(LSQ):
    def mixture(self, bits, *, signed, channels=None):
        return OwnMixture([self.at(b, signed=signed, channels=channels) for b in bits])


@pytest.mark.parametrize("field", ["weights", "activations"])
def test_mixtures_are_theirs_too(field):
    made = Supernet(small_space(), SCALE, Quantizer.of({"name": "split", field: Own(name="lsq")}))
    kinds = {
        name.split(".")[-2] == "weight_mixture": type(module)
        for name, module in made.named_modules()
        if name.endswith("mixture.mixture")
    }
    assert kinds == {is_weight: OwnMixture if is_weight == (field == "weights") else WeightedSum for is_weight in kinds}
    assert len(kinds) == 2


@pytest.mark.parametrize("field", ["weights", "activations"])
@pytest.mark.parametrize(("name", "why"), [("noise", "has no integer grid"), ("none", "leaves everything in float")])
def test_both_must_leave_a_grid(field, name, why):
    with pytest.raises(ValidationError, match=f"'{name}' {why}"):
        Quantizer.of({"name": "split", field: name})
