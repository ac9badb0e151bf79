import copy

import pytest
import torch
from torch import Tensor, nn

from qnas.core.components import Quantizer, Space
from qnas.core.deploy.lowering import lower
from qnas.core.network import Joint, build_found, fill_joints, slot_candidates
from qnas.core.network.calibration import calibrate, calibrate_for_training
from qnas.core.network.convolution import QuantizedActivation, QuantizedConv2d
from qnas.core.network.joints.between import HEADROOM
from qnas.core.network.joints.image_levels import ImageLevels

LSQ = Quantizer.of("lsq")
SPACES = {
    "residual": {"name": "skeleton", "channels": 6, "body": ["residual", "residual"], "bits": [4]},
    "chain": {"name": "skeleton", "channels": 6, "body": ["chain"], "skip": False, "bits": [8]},
    "attention": {"name": "skeleton", "channels": 8, "body": ["rfdb", "imdb", "rlfb", "spab"], "bits": [8]},
    "adq": {"name": "basic", "channels": 6, "cells": 1, "image_residual": "bicubic", "bits": [4]},
}


def found(fields: dict[str, object], between: int | None = None, signed: bool = False) -> nn.Module:
    """A network of the space, calibrated, with biases that are not zero."""
    torch.manual_seed(0)
    space = Space.of(fields)
    choices = {path: candidates[0] for path, candidates in slot_candidates(space, 2).items()}
    network = build_found(space, 2, choices, Quantizer.of({"name": "lsq", "signed": signed}), between)
    for name, parameter in network.named_parameters():
        if name.endswith("bias") or name.startswith("gain."):
            nn.init.uniform_(parameter, -0.1, 0.3)
    calibrate_for_training(network, lambda: network(torch.rand(2, 3, 24, 24)))
    return network.eval()


def filled_in(network: nn.Module) -> dict[str, QuantizedActivation]:
    modules = network.named_modules()
    return {path: module for path, module in modules if "joint" in path and isinstance(module, QuantizedActivation)}


@pytest.mark.parametrize("name", SPACES)
def test_open_joints_are_nothing(name: str) -> None:
    network, image = found(SPACES[name]), torch.rand(1, 3, 17, 19)
    assert any(isinstance(module, Joint) for module in network.modules())
    assert not filled_in(network)
    without = copy.deepcopy(network)
    for path, module in list(without.named_modules()):
        if isinstance(module, Joint):
            without.set_submodule(path, nn.Identity())
    assert without.state_dict().keys() == network.state_dict().keys()
    assert torch.equal(without(image), network(image))


@pytest.mark.parametrize("name", SPACES)
def test_what_every_convolution_gives_becomes_integers_at_once(name: str) -> None:
    """Integer kernels need no more: a rectifier is fused with them."""
    graph = lower(found(SPACES[name], between=8)).program.graph
    quantize = torch.ops.quantized_decomposed.quantize_per_tensor.default
    for node in graph.nodes:
        if node.target is torch.ops.aten.conv2d.default and "dequantize" in str(node.args[1]):
            (user,) = node.users
            if user.target is torch.ops.aten.relu.default:
                (user,) = user.users
            assert user.target is quantize


def test_a_joint_that_leads_straight_into_a_slot_stays_open() -> None:
    network = found(SPACES["residual"], between=8)
    assert list(filled_in(network)) == [
        "head.0.joint",  # read by the first block and by two sums
        "body.0.body.1.joint",
        "body.0.joint",
        "body.1.body.1.joint",  # not the first one of a block, nor the sums before fusion and upsampling
        "fusion.0.joint",
        "upsample.0.joint",
    ]


def test_an_image_that_comes_out_has_its_levels_and_gradients_that_lead_back_into_them() -> None:
    network = found(SPACES["chain"], between=8)
    (path, joint), *others = filled_in(network).items()
    assert (path, others) == ("upsample.0.joint", [])
    levels = 255 * network(torch.rand(1, 3, 17, 19)).detach()
    torch.testing.assert_close(levels, levels.round(), rtol=0, atol=1e-4)
    image = torch.tensor([-0.5, 0.0, 0.3, 1.0, 1.5], requires_grad=True)
    rounded = joint.quantizer(image)
    rounded.sum().backward()
    torch.testing.assert_close(255 * rounded, torch.tensor([0.0, 0.0, 76.0, 255.0, 255.0]), rtol=0, atol=1e-4)
    assert torch.equal(image.grad, torch.ones(5))
    assert filled_in(found(SPACES["adq"], between=8))["refine.joint"].quantizer.grid()[1:3] == (-128, 127)


@pytest.mark.parametrize("name", SPACES)
def test_biases_are_whole_steps_of_the_product(name: str) -> None:
    network, image = found(SPACES[name], between=8), torch.rand(1, 3, 17, 19)
    convolutions = [module for module in network.modules() if isinstance(module, QuantizedConv2d)]
    assert convolutions
    biases: dict[QuantizedConv2d, Tensor] = {}
    for convolution in convolutions:
        original = convolution.convolve

        def noting(x: Tensor, w: Tensor, bias: Tensor, layer=convolution, convolve=original) -> Tensor:
            biases[layer] = bias.detach()
            return convolve(x, w, bias)

        convolution.convolve = noting
    network(image)
    assert len(biases) == len(convolutions)
    for layer, bias in biases.items():
        steps = bias / layer.bias_step
        torch.testing.assert_close(steps, steps.round(), atol=1e-2, rtol=1e-5)
        assert ((bias - layer.bias).abs() <= 0.51 * layer.bias_step).all()


def test_gradients_reach_biases_and_the_quantizers_between() -> None:
    network = found(SPACES["residual"], between=8).train()
    network(torch.rand(1, 3, 16, 16)).square().mean().backward()
    named = dict(network.named_parameters())
    assert named["head.0.operation.bias"].grad.abs().sum() > 0
    learned = [path for path, joint in filled_in(network).items() if list(joint.parameters())]
    assert len(learned) == len(filled_in(network)) - 1  # all but the levels of the image
    assert all(named[f"{path}.quantizer.log_step"].grad is not None for path in learned)


def test_where_all_integers_are_signed_the_image_stays_in_float() -> None:
    network = found(SPACES["residual"], between=8, signed=True)
    assert "upsample.0.joint" not in filled_in(network)
    assert {joint.quantizer.grid()[1:3] for joint in filled_in(network).values()} == {(-128, 127)}


def test_joints_reach_beyond_what_they_were_calibrated_on() -> None:
    network, seen = found(SPACES["residual"]), {}
    filled = [one.quantizer for one in fill_joints(network, LSQ, 8) if not isinstance(one.quantizer, ImageLevels)]

    def see(quantizer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        seen.setdefault(quantizer, inputs[0].clone())

    for quantizer in filled:
        quantizer.register_forward_pre_hook(see)
    calibrate(network, lambda: network(torch.rand(2, 3, 16, 16)))
    assert filled
    for quantizer in filled:
        alone = QuantizedActivation("none", LSQ, 8, quantizer.signed).quantizer
        alone.observe(seen[quantizer])
        torch.testing.assert_close(quantizer.grid().step, HEADROOM * alone.grid().step, rtol=1e-4, atol=0)


def test_at_sixteen_bits_little_changes() -> None:
    wide, image = found(SPACES["chain"], between=16), torch.rand(1, 3, 17, 19)
    torch.testing.assert_close(wide(image), found(SPACES["chain"])(image).clamp_min(0), atol=0.02, rtol=0)


@pytest.mark.parametrize("name", SPACES)
def test_filling_changes_no_mode_and_no_random_number(name: str) -> None:
    network = found(SPACES[name]).train()
    before = torch.get_rng_state()
    fill_joints(network, LSQ, 8)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(module.training for module in network.modules() if not isinstance(module, QuantizedActivation))
