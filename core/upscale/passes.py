"""How a network's images may be cut: the halo of tiles, and how many passes over them are taken."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from qnas.core.errors import is_out_of_memory
from qnas.core.upscale.culprit import find_culprit
from qnas.core.upscale.cutting import Place, ReceptiveField, places, round_up
from qnas.core.upscale.exact_ops import exact_ops
from qnas.core.upscale.gathering import Gathering, Role, TilingError
from qnas.core.upscale.interception import Compute, Interception
from qnas.core.upscale.receptive_field import on_cpu, possible_fields
from qnas.core.upscale.recognition import SUMS, Sums
from qnas.core.upscale.trying import CORE, can_be_cut, differ, noise
from qnas.core.upscale.whole_image import Resize, WholeImageCall

_SIDES = (96, 192)  # pixels, of the images in which calls are looked for: multiples of every step


class Tile(NamedTuple):
    """A tile in one of the passes over an image.

    Attributes:
        number: Of the pass.
        place: Of the tile.
    """

    number: int
    place: Place


@dataclass(frozen=True)
class Plan:
    """How images are cut, and in how many passes.

    Attributes:
        fields: The receptive field of each pass; the last makes the pixels.
        roles: Of the calls that look at all of an image.
        sums: What sums stand for, see :class:`Recognition`.
    """

    fields: tuple[ReceptiveField, ...]
    roles: tuple[Role, ...] = ()
    sums: Sums = "whole"

    @property
    def field(self) -> ReceptiveField:
        """That of the pixels."""
        return self.fields[-1]

    @property
    def halo(self) -> int:
        """The largest of any pass, in LR pixels."""
        return max(field.halo for field in self.fields)

    def tiles(self, height: int, width: int, tile: int) -> list[Tile]:
        """Every tile of every pass over an image, in order."""
        numbered = enumerate(self.fields)
        return [Tile(number, place) for number, field in numbered for place in places(height, width, tile, field)]

    def gathering(self) -> Gathering:
        """What to run the network with on the tiles of one image."""
        return Gathering(self.roles, self.sums)


@torch.inference_mode()
def plan_passes(network: nn.Module, scale: int) -> Plan:
    """How images may be cut for a network in evaluation mode.

    It is found on small images, and tried: an image is enlarged in parts to see that they fit together.

    Args:
        network: It may be on any device; the plan is made on the CPU.
        scale: The factor that it enlarges by.

    Raises:
        TilingError: The halo is more than 127 pixels, or the result depends on the size of the image or on the place
            in it in a way that is not known. It names the module that does it.
    """
    network = on_cpu(network)
    with exact_ops(torch.device("cpu")):
        for sums in SUMS:
            roles = _roles(network, sums)
            for fields in possible_fields(network, scale, roles, sums):
                plan = Plan(fields, tuple(roles), sums)
                if can_be_cut(network, scale, plan.field) if len(fields) == 1 else _fits(network, scale, plan):
                    return plan
            if not roles:
                break
        culprit = find_culprit(network)
    what = f"'{culprit}' looks at all of the image" if culprit else "pixels depend on more than what is near them"
    raise TilingError(f"{what}, so tiles would not fit together")


def _fits(network: nn.Module, scale: int, plan: Plan) -> bool:
    """Whether four tiles, pass by pass, become what the whole does."""
    side = 2 * (plan.halo + plan.field.step) + CORE + 1
    image, tile = noise(side), round_up(side // 2, plan.field.step)
    gathering, made = plan.gathering(), torch.empty(1, 3, side * scale, side * scale)
    try:
        for number, place in plan.tiles(side, side, tile):
            part = gathering.tile(network, place.given(image), place, number)
            if part is not None:
                made[:, :, place.row.enlarged(scale), place.column.enlarged(scale)] = place.core(part, Fraction(scale))
    except (TilingError, RuntimeError) as error:  # what does not fit may have another shape
        if is_out_of_memory(error):
            raise
        return False
    return not differ(made, network(image))  # which it may change


class _Noted(NamedTuple):
    """A call in an image of one size.

    Attributes:
        kind: Of call.
        height: Of its features; the width is the same, or they are no square.
        length: Of its result, where that is a map stretched to a size of its own.
    """

    kind: type[WholeImageCall]
    height: int
    length: int | None
    is_square: bool


class _Survey(Interception):
    """Notes the calls that look at all of an image."""

    def __init__(self, sums: Sums) -> None:
        super().__init__(sums)
        self.noted: list[_Noted] = []

    def answer(self, index: int, call: WholeImageCall, compute: Compute) -> Any:
        """See :meth:`Interception.answer`."""
        del index
        height, width = call.features.shape[2:]
        length = call.size[0] if isinstance(call, Resize) and not call.is_multiple else None
        is_square = height == width and (not isinstance(call, Resize) or call.size[0] == call.size[1])
        self.noted.append(_Noted(type(call), height, length, is_square))
        return compute()


def _roles(network: nn.Module, sums: Sums) -> list[Role]:
    """The roles of a network's calls; none if they are not the same in every image."""
    surveys = []
    for side in _SIDES:
        survey = _Survey(sums)
        survey.run(network, noise(side))
        surveys.append(survey.noted)
    if [noted.kind for noted in surveys[0]] != [noted.kind for noted in surveys[1]]:
        return []
    roles = [Role(small.kind, _ratio(small, large)) for small, large in zip(*surveys, strict=True)]
    depths = _depths(network, roles, sums)
    return [role._replace(depth=depth) for role, depth in zip(roles, depths, strict=True)]


def _ratio(small: _Noted, large: _Noted) -> Fraction | None:
    """Pixels of its features to one LR pixel, or None if the call need not be gathered or can't be."""
    ratio = Fraction(large.height - small.height, _SIDES[1] - _SIDES[0])
    is_known = small.is_square and large.is_square and ratio > 0 and small.height <= ratio * _SIDES[0]
    if is_known and small.kind is Resize:
        is_known = ratio < 1 and small.length is not None and large.length is not None
        lengths = (small.length or 0, large.length or 0)
        is_known = is_known and all(length % side == 0 for length, side in zip(lengths, _SIDES, strict=True))
    return ratio if is_known else None


class _Order(Interception):
    """Finds the pass in which each call can be gathered: what those before it make is not a number until then."""

    def __init__(self, roles: Sequence[Role], sums: Sums) -> None:
        super().__init__(sums)
        self.depths = [math.inf if role.ratio is not None else -1 for role in roles]
        self._depth = -1

    def next_pass(self, network: nn.Module, image: Tensor) -> bool:
        """Go on with the next depth; whether anything was found there."""
        self._depth += 1
        self.run(network, image)
        return self._depth in self.depths

    def answer(self, index: int, call: WholeImageCall, compute: Compute) -> Any:
        """See :meth:`Interception.answer`."""
        if self.depths[index] < 0:
            return compute()
        if self.depths[index] < self._depth:
            return call.neutral()
        if not call.features.isnan().any():
            self.depths[index] = self._depth
        return _without_numbers(call.neutral())


def _without_numbers(result: Any) -> Any:
    if isinstance(result, tuple):
        return tuple(map(_without_numbers, result))
    return torch.full_like(result, torch.nan)


def _depths(network: nn.Module, roles: Sequence[Role], sums: Sums) -> list[int]:
    order = _Order(roles, sums)
    while math.inf in order.depths:
        if not order.next_pass(network, noise(_SIDES[0])):
            gathered = iter(range(len(roles)))  # one after the other, where that can't be found
            return [0 if role.ratio is None else next(gathered) for role in roles]
    return [max(0, int(depth)) for depth in order.depths]
