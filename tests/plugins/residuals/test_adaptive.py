"""ADQ and AdaDM against their equations, image by image in numpy."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import nn

from qnas.core.components import Residual, freeze_statistics
from qnas.plugins.residuals.adaptive import AdaDMResidual, deviation

SLOPES = {"adq": 1.5, "adadm": 1.0}
GAINS = {"adq": lambda a, s, c: a * s + c, "adadm": lambda a, s, c: np.exp(a * np.log(s) + c)}
every_form = pytest.mark.parametrize("name", GAINS)


class Square(nn.Module):
    def forward(self, features):
        return features**2


def written_out(name, x, a, c, mean, variance, scale, shift):
    """y = gain(s) F(BN(x)) + x with F(z) = z^2, statistics given per channel."""
    channel = lambda values: np.asarray(values)[:, None, None]  # noqa: E731
    result = np.empty_like(x)
    for n, image in enumerate(x):
        normalised = (image - channel(mean)) / np.sqrt(channel(variance) + 1e-5)
        body = (normalised * channel(scale) + channel(shift)) ** 2
        result[n] = GAINS[name](a, image.std(), c) * body + image
    return result


@every_form
@settings(max_examples=25, derandomize=True)
@given(
    a=st.floats(-2, 2), c=st.floats(-1, 1), size=st.floats(0.05, 20), seed=st.integers(0, 2**16), train=st.booleans()
)
def test_output_is_its_equation(name, a, c, size, seed, train):
    random = np.random.default_rng(seed)
    x = random.normal(size=(3, 4, 5, 6)) * size * np.array([1.0, 3.0, 0.5]).reshape(3, 1, 1, 1) + 0.3
    mean, variance, scale, shift = random.normal(size=4), random.uniform(0.5, 2, 4), *random.normal(size=(2, 4))
    wrapped = Residual.of(name).wrap(Square(), 4).double().train(train)
    with torch.no_grad():
        wrapped.slope.fill_(a)
        wrapped.offset.fill_(c)
        for tensor, values in [
            (wrapped.norm.running_mean, mean),
            (wrapped.norm.running_var, variance),
            (wrapped.norm.weight, scale),
            (wrapped.norm.bias, shift),
        ]:
            tensor.copy_(torch.tensor(values))
    if train:
        mean, variance = x.mean(axis=(0, 2, 3)), x.var(axis=(0, 2, 3))
    expected = written_out(name, x, a, c, mean, variance, scale, shift)
    # The deviation is measured in float32: for a flat image it is 1e-4 rather than 0.
    np.testing.assert_allclose(
        wrapped(torch.tensor(x)).detach(), expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max()
    )


@settings(max_examples=25, derandomize=True)
@given(size=st.floats(0.01, 20), centre=st.floats(-3, 3), seed=st.integers(0, 2**16))
def test_the_gradient_of_the_deviation_is_that_of_its_differences(size, centre, seed):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64, generator=generator) * size + centre
    assert torch.autograd.gradcheck(deviation, (x.requires_grad_(),), eps=1e-6 * size, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_gradient_of_the_deviation_is_that_of_numpy_s(dtype, layout):
    x = torch.randn(3, 4, 6, 5).add(0.5).to(dtype).contiguous(memory_format=layout).requires_grad_()
    deviation(x).sum().backward()
    values = x.detach().double().numpy()
    mean, std = (f(axis=(1, 2, 3), keepdims=True) for f in (values.mean, values.std))
    expected = (values - mean) / (std * values[0].size)
    assert x.grad.dtype == dtype
    np.testing.assert_allclose(x.grad.float(), expected, rtol=1e-2 if dtype == torch.bfloat16 else 1e-5, atol=1e-6)


def test_a_flat_image_has_a_finite_gradient():
    x = torch.full((2, 3, 4, 4), 0.7, requires_grad=True)
    deviation(x).sum().backward()
    assert x.grad.isfinite().all()


@every_form
def test_starts_at_the_slope_of_its_authors_or_a_given_one_and_offset_0_both_learned(name):
    for fields, slope in (({}, SLOPES[name]), ({"slope": 0.25}, 0.25)):
        parameters = dict(Residual.of({"name": name, **fields}).wrap(nn.Identity(), 4).named_parameters())
        assert parameters["slope"].item() == slope
        assert parameters["offset"].item() == 0.0


def test_earlier_runs_started_adadm_at_1_5():
    assert AdaDMResidual.earlier_defaults == {1: {"slope": 1.5}}


@every_form
def test_images_of_a_batch_do_not_influence_each_others_gain(name):
    torch.manual_seed(0)
    wrapped = Residual.of(name).wrap(nn.Conv2d(4, 4, 3, padding=1), 4).eval()
    for image in (batch := torch.randn(3, 4, 6, 6) * torch.tensor([1.0, 10.0, 0.1]).view(3, 1, 1, 1)):
        alone = wrapped(image[None])
        in_batch = wrapped(batch)[(batch == image).all(dim=(1, 2, 3))]
        torch.testing.assert_close(in_batch, alone, rtol=1e-5, atol=1e-5 * alone.abs().max().item())


@every_form
def test_slope_and_offset_get_the_gradient_of_the_gain(name):
    torch.manual_seed(0)
    wrapped = Residual.of(name).wrap(nn.Identity(), 4).double().eval()
    x = torch.randn(2, 4, 6, 6, dtype=torch.float64)
    wrapped(x).sum().backward()
    for parameter in (wrapped.slope, wrapped.offset):
        at = []
        for delta in (1e-5, -1e-5):
            with torch.no_grad():
                parameter.add_(delta)
                at.append(wrapped(x).sum().item())
                parameter.sub_(delta)
        assert parameter.grad.item() == pytest.approx((at[0] - at[1]) / 2e-5, rel=1e-6, abs=1e-6)


@every_form
def test_frozen_it_takes_the_mean_deviation_of_training_for_each_image(name):
    torch.manual_seed(0)
    wrapped = Residual.of(name).wrap(Square(), 4).train()
    running = 1.0
    for size in (0.5, 2.0, 3.0):
        batch = torch.randn(5, 4, 6, 6) * size
        wrapped(batch)
        running = 0.9 * running + 0.1 * batch.numpy().std(axis=(1, 2, 3)).mean()
    assert wrapped.eval().deviation.mean.item() == pytest.approx(running, rel=1e-6)
    assert freeze_statistics(wrapped) == ["deviation"]
    image = torch.randn(1, 4, 9, 7) * 10
    gain = GAINS[name](SLOPES[name], running, 0.0)
    torch.testing.assert_close(wrapped(image), gain * wrapped.norm(image) ** 2 + image)


@every_form
def test_frozen_it_costs_what_the_images_deviations_differ_from_their_mean(name):
    """Zero for an image whose deviation is that mean, larger the farther away it is."""
    torch.manual_seed(0)
    wrapped = Residual.of(name).wrap(Square(), 4).eval()
    image = torch.randn(1, 4, 12, 12)
    image /= image.numpy().std()  # the mean is 1 before any training
    images = [image * size for size in (1.0, 1.1, 1.5)]
    own = [wrapped(each) for each in images]
    freeze_statistics(wrapped)
    costs = [((wrapped(each) - before).norm() / before.norm()).item() for each, before in zip(images, own, strict=True)]
    assert costs[0] < 1e-6 < costs[1] < costs[2]
