"""The receptive field of a network: how far around a pixel of the output the input matters."""

import copy
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any, Final

import torch
from torch import Tensor, nn

from qnas.core.upscale.cutting import ReceptiveField, round_up
from qnas.core.upscale.gathering import Role
from qnas.core.upscale.interception import Compute, Interception
from qnas.core.upscale.recognition import Sums
from qnas.core.upscale.whole_image import WholeImageCall

SIDE: Final = 256  # pixels, of the largest test image
_STEPS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 96)
_BEHIND = 6  # steps that a map smaller than the image may lack at its end
Reach = tuple[int, ...]  # LR pixels up, down, to the left and to the right


def possible_fields(
    network: nn.Module, scale: int, roles: Sequence[Role], sums: Sums
) -> Iterator[tuple[ReceptiveField, ...]]:
    """Possible receptive fields of a network in evaluation mode for each pass, by their step.

    The method runs the network on images with a NaN pixel. Whatever the weights of a layer, NaN spreads to everything
    that depends on the pixel, except through calls that look at the whole image: these are gathered in separate passes.

    Args:
        network: A network on the CPU.
        scale: The factor that it enlarges by.
        roles: Roles of the calls that look at the whole image.
        sums: See :class:`Recognition`.

    Yields:
        The field of the features gathered in each pass, and last the field of the output.
    """
    tracer = _Tracer(network, scale, roles, sums)
    furthest = max(map(max, tracer.reaches(SIDE, SIDE // 2, 1)))
    if furthest >= SIDE // 2 - 1:
        return
    ratios = [role.ratio for role in roles if role.ratio is not None]
    for step in _STEPS:
        if all((step * ratio).denominator == 1 for ratio in ratios):
            halos = _halos(tracer, furthest, step)
            if halos is not None:
                yield tuple(ReceptiveField(halo, step) for halo in halos)


def _halos(tracer: "_Tracer", furthest: int, step: int) -> list[int] | None:
    """How far a step of pixels reaches in each pass, or None if that depends on the place or the image's size."""
    side = 2 * (furthest + 3 * step) + (_BEHIND * step if tracer.has_maps else 0)
    middle = round_up(side // 2, step)
    found = tracer.reaches(side, middle, step)
    for place in ((side, middle + step), (side + 1, middle), (side + step + 5, middle)):
        if tracer.reaches(*place, step) != found:
            return None
    depths = [*tracer.depths, max(tracer.depths, default=-1) + 1]
    return [max(max(r) for r, of in zip(found, depths, strict=True) if of == depth) for depth in range(depths[-1] + 1)]


class _Tracer(Interception):
    """Follows NaN through a network, up to each call that looks at the whole image."""

    def __init__(self, network: nn.Module, scale: int, roles: Sequence[Role], sums: Sums) -> None:
        super().__init__(sums)
        self._network = network
        self._scale = scale
        self._roles = roles
        self._reached: list[tuple[Tensor, Fraction]] = []
        self.depths = [role.depth for role in roles if role.ratio is not None]
        self.has_maps = any(role.ratio is not None and role.ratio < 1 for role in roles)

    def reaches(self, side: int, place: int, step: int) -> tuple[Reach, ...]:
        """How far the influence of a pixel reaches at each call that looks at the whole image, and last in the output.

        Args:
            side: Height and width of the image.
            place: Row and column of the first pixel.
            step: Height and width of the square of pixels.
        """
        last = place + step - 1
        image = torch.full((1, 3, side, side), 0.5)
        image[:, :, place : last + 1, place : last + 1] = torch.nan
        self._reached = []
        output = _not_numbers(self.run(self._network, image))  # (side * scale, side * scale)
        if not output.any():
            return ((side,) * 4,)  # a network that removes NaN may depend on anything
        reached = [*self._reached, (output, Fraction(self._scale))]
        return tuple(_reach(features, ratio, place, last) for features, ratio in reached)

    def answer(self, index: int, call: WholeImageCall, compute: Compute) -> Any:
        """See :meth:`Interception.answer`."""
        role = self._roles[index] if index < len(self._roles) else None
        if role is None or role.ratio is None:
            return compute()
        self._reached.append((_not_numbers(call.features), role.ratio))
        return call.neutral()


def _not_numbers(features: Tensor) -> Tensor:
    return features.isnan().any(dim=1)[0]


def _reach(features: Tensor, ratio: Fraction, first: int, last: int) -> Reach:
    """How far LR pixels ``first`` to ``last`` reach, by a mask of the features that they reach."""
    if not features.any():
        return (0, 0, 0, 0)
    lines = [features.any(dim=axis).nonzero() for axis in (1, 0)]
    ends = [(int(int(line.min()) / ratio), math.ceil(int(line.max() + 1) / ratio) - 1) for line in lines]
    return tuple(distance for low, high in ends for distance in (last - low, high - first))


def on_cpu(network: nn.Module) -> nn.Module:
    """A network that is on the CPU, otherwise a copy there."""
    if all(parameter.device.type == "cpu" for parameter in network.parameters()):
        return network
    return copy.deepcopy(network).to("cpu")
