import numpy as np
import pytest
import torch

from qnas.core.components import ConvShape
from qnas.core.network.convolution import SlotConv2d
from qnas.core.network.warm.least_squares import fit_convolution

CASES = {
    "1x1": ((1, 1), 1, 1, 1, True, "zeros"),
    "3x3 in groups": ((3, 3), 1, 1, 2, True, "zeros"),
    "depthwise, no bias": ((3, 3), 1, 1, 4, False, "zeros"),
    "dilated, reflected": ((3, 3), 1, 2, 1, True, "reflect"),
    "1x3 with stride": ((1, 3), 2, 1, 1, True, "replicate"),
}


def convolution(kernel=(1, 1), stride=1, dilation=1, groups=1, bias=True, mode="zeros", channels=(4, 8)):
    padding = (dilation * (kernel[0] // 2), dilation * (kernel[1] // 2))
    return SlotConv2d(ConvShape(*channels, kernel, stride, padding, (dilation, dilation), groups, bias), mode)


def design(inputs, kernel, stride, dilation, groups, bias, mode):
    """The matrices whose rows are what an output pixel is computed from, one a group, by NumPy alone."""
    (k_h, k_w), (_, channels, height, width) = kernel, inputs.shape
    pad = (dilation * (k_h // 2),) * 2, (dilation * (k_w // 2),) * 2
    modes = {"zeros": "constant", "reflect": "reflect", "replicate": "edge"}
    padded = np.pad(inputs, ((0, 0), (0, 0), *pad), modes[mode])
    taps = [
        padded[:, :, i * dilation :, j * dilation :][:, :, :height, :width][:, :, ::stride, ::stride]
        for i in range(k_h)
        for j in range(k_w)
    ]
    columns = np.stack(taps, 2)  # (N, C, taps, H, W)
    size = channels // groups
    for group in range(groups):
        of_group = np.moveaxis(columns[:, group * size : (group + 1) * size], 0, 2).reshape(size * k_h * k_w, -1).T
        yield np.hstack([of_group, np.ones((len(of_group), 1))]) if bias else of_group


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_it_is_the_least_squares_of_numpy(case):
    torch.manual_seed(0)
    fitted, inputs = convolution(*case), torch.randn(2, 4, 13, 12)
    outputs = torch.randn(fitted(inputs).shape) + 3
    fit_convolution(fitted, inputs, outputs)
    of_groups = outputs.double().numpy().swapaxes(0, 1).reshape(fitted.groups, 8 // fitted.groups, -1)
    for index, matrix in enumerate(design(inputs.double().numpy(), *case)):
        solved = np.linalg.lstsq(matrix, of_groups[index].T)[0].T
        ours = slice(index * len(solved), (index + 1) * len(solved))
        weights = solved[:, :-1] if fitted.bias is not None else solved
        assert np.allclose(fitted.weight[ours].detach().flatten(1).numpy(), weights, atol=1e-5)
        if fitted.bias is not None:
            assert np.allclose(fitted.bias[ours].detach().numpy(), solved[:, -1], atol=1e-5)


def test_what_makes_no_difference_stays_and_of_equals_it_takes_the_shortest_way():
    torch.manual_seed(0)
    fitted, inputs = convolution(bias=False, channels=(4, 2)), torch.randn(1, 4, 9, 9)
    inputs[:, 1], inputs[:, 3] = 0, inputs[:, 2]
    before, outputs = fitted.weight.detach().clone(), torch.randn(1, 2, 9, 9)
    matrix = inputs[0].flatten(1).T.double().numpy()
    left = (outputs - fitted(inputs)).detach()[0].flatten(1).T.double().numpy()
    fit_convolution(fitted, inputs, outputs)
    moved = (fitted.weight.detach() - before)[:, :, 0, 0]
    assert torch.equal(moved[:, 1], torch.zeros(2))
    assert np.allclose(moved.numpy(), np.linalg.lstsq(matrix, left)[0].T, atol=1e-6)
