"""The image-space residual: the enlarged input added to a network's output."""

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

Enlarging = Literal["nearest", "bilinear", "bicubic"]
ImageResidual = Literal["none", "nearest", "bilinear", "bicubic"]


class Enlarge(nn.Module):
    """The LR image at the size of the output; it has no parameters.

    With it the network only adds detail, which spares low bit-widths the burden of carrying the image
    (Du et al. 2021, "Anchor-based Plain Net for Mobile Image Super-Resolution", with ``nearest``).
    """

    def __init__(self, mode: Enlarging, scale: int) -> None:
        super().__init__()
        self.mode = mode
        self.scale = scale

    def forward(self, lr_image: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, 3, H * scale, W * scale)."""
        smooth = None if self.mode == "nearest" else False
        # With antialiasing, which changes nothing else when enlarging, the cubic has a = -0.5, like Pillow and MATLAB.
        cubic = self.mode == "bicubic"
        return F.interpolate(lr_image, scale_factor=self.scale, mode=self.mode, align_corners=smooth, antialias=cubic)
