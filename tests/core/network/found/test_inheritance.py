"""What the found network inherits: weights, and quantizers if the search had some for its widths."""

import pytest
import torch
from torch import nn

from qnas.core.components import FakeQuantizer, Quantizer, Space
from qnas.core.network import Supernet, ancestors, build_found, inherit_weights
from qnas.core.network.calibration import calibrate

from ..conftest import RICH

NONE = Quantizer.of("none")
IMAGE = torch.rand(1, 3, 9, 11, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("residual", ["plain", "batch-norm", "adq", "adadm"])
def test_found_network_with_inherited_weights_is_the_supernet_at_one_hot(seed, residual, choose):
    torch.manual_seed(seed)
    space = Space.of({**RICH, "residual": residual, "variant": "AB"[seed % 2]})
    supernet = Supernet(space, 2, NONE).double().eval()
    for module in supernet.modules():
        if isinstance(module, nn.BatchNorm2d):  # as after some training
            nn.init.uniform_(module.running_mean, -1, 1)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.normal_(module.weight)
    chosen = choose(supernet.candidates, seed)
    found = build_found(space, 2, chosen, NONE).double().eval()
    inherit_weights(found, supernet.network, chosen)
    image = torch.rand(1, 3, 7, 9, dtype=torch.float64)
    expected = supernet(image, supernet.one_hot(chosen))
    torch.testing.assert_close(found(image), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("searched_with", ["noise", "lsq"])
def test_inherited_weights_leave_the_quantizers_their_own_state(searched_with, choose):
    torch.manual_seed(0)
    space, lsq = Space.of(RICH), Quantizer.of("lsq")
    supernet = Supernet(space, 2, Quantizer.of(searched_with))
    with torch.no_grad():
        for weight in supernet.weights():
            weight.add_(0.1)  # as if trained: biases start at zero in both
    chosen = choose(supernet.candidates, 1)
    found = build_found(space, 2, chosen, lsq)
    before = {name: p.clone() for name, p in found.named_parameters()}
    inherit_weights(found, supernet.network, chosen)
    for name, parameter in found.named_parameters():
        if "quantizer" in name:
            assert torch.equal(parameter, before[name])
        elif name.endswith(("weight", "bias")) and "norm" not in name:
            assert not torch.equal(parameter, before[name])


def trained(quantizer: str) -> Supernet:
    """A supernet whose quantizers were set up and then changed, as by training."""
    torch.manual_seed(0)
    supernet = Supernet(Space.of(RICH), 2, Quantizer.of(quantizer))
    calibrate(supernet.eval(), lambda: supernet(IMAGE, supernet.probabilities()))
    with torch.no_grad():
        for name, parameter in supernet.named_parameters():
            if "quantizers" in name:
                parameter.add_(torch.randn_like(parameter) / 2)
    return supernet


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("quantizer", ["lsq", "lsq+", "pact", "ewgs", "nipq", "hwgq"])
def test_with_the_quantizer_of_the_search_the_found_network_is_the_supernet_at_one_hot(quantizer, seed, choose):
    supernet = trained(quantizer)
    chosen = choose(supernet.candidates, seed)
    found = build_found(Space.of(RICH), 2, chosen, Quantizer.of(quantizer))
    inherit_weights(found, supernet.network, chosen)
    other = torch.rand_like(IMAGE)
    before = ancestors(found, supernet.network, chosen)
    calibrate(found.eval(), lambda: found(other), before, as_they_are=True)
    expected = supernet(IMAGE, supernet.one_hot(chosen))
    torch.testing.assert_close(found(IMAGE), expected, rtol=1e-5, atol=1e-5)


def test_another_quantizer_starts_from_what_the_grid_of_the_search_left_of_a_tensor(choose):
    supernet = trained("nipq")
    chosen = choose(supernet.candidates, 0)
    found = build_found(Space.of(RICH), 2, chosen, Quantizer.of("dorefa"))
    inherit_weights(found, supernet.network, chosen)
    pairs = ancestors(found, supernet.network, chosen)
    calibrate(found.eval(), lambda: found(IMAGE), pairs)
    assert pairs
    for quantizer, ancestor in pairs.items():
        if quantizer.of_weights:
            continue
        grid = ancestor.grid()
        assert quantizer.scale <= grid.step * max(-grid.q_min, grid.q_max) * (1 + 1e-6)


def test_where_the_search_has_no_quantizer_of_a_width_there_is_no_ancestor(choose):
    for quantizer in ("noise", "none"):
        supernet = trained(quantizer)
        chosen = choose(supernet.candidates, 0)
        found = build_found(Space.of(RICH), 2, chosen, Quantizer.of("lsq"))
        assert not ancestors(found, supernet.network, chosen)
    assert any(isinstance(module, FakeQuantizer) for module in found.modules())
