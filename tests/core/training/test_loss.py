"""The loss that training and the search minimize."""

import pytest
import torch
import torch.nn.functional as F

from qnas.core.training.loss import mean_absolute_error


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_it_is_pytorch_s_l1_loss_and_its_gradient_lies_as_the_image_does(dtype, layout):
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


def test_where_both_are_equal_nothing_pulls():
    enlarged = torch.full((1, 3, 2, 2), 0.5, requires_grad=True)
    mean_absolute_error(enlarged, enlarged.detach()).backward()
    assert not enlarged.grad.any()
