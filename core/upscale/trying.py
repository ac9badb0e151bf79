"""Testing whether a network gives the same result for a part of an image as for the whole."""

from typing import Final

import torch
from torch import Tensor, nn

from qnas.core.upscale.cutting import ReceptiveField

CORE: Final = 32  # the least number of pixels to compare
_ROUNDING = 1e-5  # of the largest value, where pixels can't be identical to the bit
_STRAYS = 5e-3  # of the pixels; a quantizer may then round a value between two levels to either


def can_be_cut(network: nn.Module, scale: int, field: ReceptiveField) -> bool:
    """Whether cutting off an image's first step, or its last pixel, changes the result only within the halo."""
    side = field.halo + field.step + CORE
    image = noise(side)
    whole = network(image.clone())  # some networks change their input
    begun, ended = (field.step, side, field.step + field.halo, side), (0, side - 1, 0, side - 1 - field.halo)
    for axis in (2, 3):
        for start, stop, inner, inner_stop in (begun, ended):
            part = network(image.narrow(axis, start, stop - start).clone())
            ours = part.narrow(axis, (inner - start) * scale, (inner_stop - inner) * scale)
            if differ(ours, whole.narrow(axis, inner * scale, (inner_stop - inner) * scale)):
                return False
    return True


def noise(side: int) -> Tensor:
    """A square image (1, 3, side, side) that has contrast at all scales and gets brighter to the right."""
    generator = torch.Generator().manual_seed(0)
    image = torch.linspace(0.2, 1, side).expand(1, 3, side, side)
    for size in (1, 4, 16, 64):
        cells = torch.rand(1, 3, *[-(-side // size)] * 2, generator=generator).sqrt()
        image = image * cells.repeat_interleave(size, 2).repeat_interleave(size, 3)[..., :side, :side]
    return image


def differ(ours: Tensor, theirs: Tensor) -> bool:
    """Whether two images differ by more than float rounding and its effect on quantizers."""
    ours, theirs = ours.flatten(), theirs.flatten()  # flat tensors, so that nothing is intercepted
    differs = (ours - theirs).abs() > _ROUNDING * theirs.abs().max()
    return float(differs.float().mean()) > _STRAYS
