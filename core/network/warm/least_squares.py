"""The convolution that comes closest to given outputs, in closed form."""

import torch
import torch.nn.functional as F
from torch import Tensor

from qnas.core.network.convolution import SlotConv2d

_CUT = 1e-10  # of the largest eigenvalue: below it is the rounding of float32


@torch.no_grad()
def fit_convolution(convolution: SlotConv2d, inputs: Tensor, outputs: Tensor) -> None:
    """Move the weights and the bias of a convolution to the least squared error, the shortest way.

    Weights that make no difference, as those of a channel that is always zero, stay as they are.

    Args:
        convolution: Is changed.
        inputs: (N, C_in, H, W).
        outputs: (N, C_out, H / stride, W / stride), what it is to make of them.
    """
    groups, has_bias = convolution.groups, convolution.bias is not None
    width = convolution.weight[0].numel() + has_bias
    gram = torch.zeros(groups, width, width, dtype=torch.float64)
    cross = torch.zeros(groups, width, convolution.out_channels // groups, dtype=torch.float64)
    for image, wanted in zip(inputs.split(1), outputs.split(1), strict=True):
        columns = _columns(convolution, image)
        lacking = (wanted - convolution(image)).cpu().double().reshape(groups, -1, columns.shape[-1])
        gram += columns @ columns.mT
        cross += columns @ lacking.mT
    move = (torch.linalg.pinv(gram, rtol=_CUT, hermitian=True) @ cross).mT.flatten(0, 1)  # (C_out, width)
    if convolution.bias is not None:
        convolution.bias += move[:, -1].to(convolution.bias)
        move = move[:, :-1]
    convolution.weight += move.reshape(convolution.weight.shape).to(convolution.weight)


def _columns(convolution: SlotConv2d, image: Tensor) -> Tensor:
    """What each output pixel of an image (1, C_in, H, W) is computed from: (groups, weights of an output, pixels)."""
    shape = convolution.shape
    (above, beside), mode = shape.padding, convolution.padding_mode
    around = (beside, beside, above, above)
    padded = F.pad(image, around) if mode == "zeros" else F.pad(image, around, mode=mode)
    read = F.unfold(padded, shape.kernel_size, shape.dilation, stride=shape.stride)
    columns = read.cpu().double().reshape(shape.groups, -1, read.shape[-1])
    return torch.cat([columns, torch.ones_like(columns[:, :1])], 1) if shape.bias else columns
