"""The losses that compare images, against NumPy."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings, strategies as st
from torch import Tensor

from qnas.core.components import Loss
from qnas.plugins.losses.pixels import mean_absolute_error

EPSILON = 0.01


def spectrum(image: np.ndarray) -> np.ndarray:
    """All amplitudes, by the definition of the transform: a sum over every pixel."""
    height, width = image.shape[-2:]
    rows = np.exp(-2j * np.pi * np.outer(np.arange(height), np.arange(height)) / height)
    columns = np.exp(-2j * np.pi * np.outer(np.arange(width), np.arange(width)) / width)
    return np.abs(np.einsum("uh,nchw,wv->ncuv", rows, image, columns)) / np.sqrt(height * width)


FORMULAS = {
    "l1": lambda x, y: np.abs(x - y).mean(),
    "mse": lambda x, y: ((x - y) ** 2).mean(),
    "charbonnier": lambda x, y: np.hypot(x - y, EPSILON).mean() - EPSILON,
    "frequency": lambda x, y: np.abs(spectrum(x) - spectrum(y)).mean(),
}


def loss(name: str) -> Loss:
    return Loss.of({"name": name, **({"epsilon": EPSILON} if name == "charbonnier" else {})})


def images(*shape: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(seed)
    enlarged, target = torch.rand(2, *shape, generator=random)
    return enlarged, target


@pytest.mark.parametrize("name", FORMULAS)
@settings(max_examples=20, deadline=None)
@given(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9), st.integers(0, 99))
def test_it_is_its_formula(name, number, height, width, seed):
    enlarged, target = images(number, 3, height, width, seed=seed)
    value = loss(name).measure(enlarged, target)
    expected = FORMULAS[name](enlarged.double().numpy(), target.double().numpy())
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(expected, rel=1e-5, abs=1e-7)
    assert value.item() >= 0
    assert loss(name).measure(target, enlarged).item() == pytest.approx(value.item(), rel=1e-6)


@pytest.mark.parametrize("name", FORMULAS)
def test_equal_images_have_none_and_nothing_pulls(name):
    enlarged, _ = images(2, 3, 6, 7)
    enlarged.requires_grad_()
    value = loss(name).measure(enlarged, enlarged.detach())
    value.backward()
    assert value.item() == 0
    assert not enlarged.grad.any()


@pytest.mark.parametrize("name", FORMULAS)
def test_its_gradient_is_that_of_small_differences(name):
    enlarged, target = (image.double() for image in images(1, 3, 4, 5))
    direction = torch.randn(enlarged.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    given = enlarged.float().requires_grad_()
    loss(name).measure(given, target.float()).backward()
    step = 1e-6 * direction.numpy()
    formula = FORMULAS[name]
    slope = formula(enlarged.numpy() + step, target.numpy()) - formula(enlarged.numpy() - step, target.numpy())
    assert (given.grad.double() * direction).sum().item() == pytest.approx(slope / 2e-6, rel=1e-3)


def test_frequencies_don_t_say_where_things_are():
    enlarged, _ = images(1, 3, 8, 8)
    shifted = enlarged.roll((3, 2), (2, 3))
    assert loss("frequency").measure(enlarged, shifted).item() == pytest.approx(0, abs=1e-6)
    assert loss("l1").measure(enlarged, shifted).item() > 0.1


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_l1_is_pytorch_s_and_its_gradient_lies_as_the_image_does(dtype, layout):
    torch.manual_seed(0)
    enlarged = torch.rand(2, 3, 7, 5).to(dtype).contiguous(memory_format=layout).requires_grad_()
    hr = torch.rand(2, 3, 7, 5).contiguous(memory_format=torch.channels_last)
    loss, expected = mean_absolute_error(enlarged, hr), F.l1_loss(enlarged.float(), hr)
    (gradient,) = torch.autograd.grad(loss, enlarged)
    (of_expected,) = torch.autograd.grad(expected, enlarged)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    torch.testing.assert_close(gradient, of_expected, rtol=0, atol=0)
    assert gradient.is_contiguous(memory_format=layout)
