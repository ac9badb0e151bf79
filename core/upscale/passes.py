"""How images may be cut for a network: the halo of tiles, and the number of passes over them."""

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

_SIDES = (96, 192)  # pixels, of the images used to find calls; multiples of every step


class Tile(NamedTuple):
    """A tile in one of the passes over an image.

    Attributes:
        number: Number of the pass.
        place: Place of the tile.
    """

    number: int
    place: Place


@dataclass(frozen=True)
class Plan:
    """How images are cut, and in how many passes.

    Attributes:
        fields: The receptive field of each pass; the last one makes the pixels.
        roles: Roles of the calls that look at the whole image.
        sums: How to treat sums, see :class:`Recognition`.
    """

    fields: tuple[ReceptiveField, ...]
    roles: tuple[Role, ...] = ()
    sums: Sums = "whole"

    @property
    def field(self) -> ReceptiveField:
        """The receptive field of the pixels."""
        return self.fields[-1]

    @property
    def halo(self) -> int:
        """The largest halo of any pass, in LR pixels."""
        return max(field.halo for field in self.fields)

    def tiles(self, height: int, width: int, tile: int) -> list[Tile]:
        """Every tile of every pass over an image, in order."""
        numbered = enumerate(self.fields)
        return [Tile(number, place) for number, field in numbered for place in places(height, width, tile, field)]

    def gathering(self) -> Gathering:
        """The object that runs the network on the tiles of one image."""
        return Gathering(self.roles, self.sums)


@torch.inference_mode()
def plan_passes(network: nn.Module, scale: int) -> Plan:
    """How images may be cut for a network in evaluation mode.

    The plan is found on small images and then tested: the enlarged parts of an image must fit together.

    Args:
        network: A network on any device; the plan is made on the CPU.
        scale: The factor that it enlarges by.

    Raises:
        TilingError: The halo is more than 127 pixels, or the result depends on the size of the image or the place in it
            in an unknown way. The message names the module that causes it.
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
    cause = f"'{culprit}' looks at the whole image" if culprit else "pixels depend on more than their surroundings"
    raise TilingError(f"{cause}, so tiles would not fit together")


def _fits(network: nn.Module, scale: int, plan: Plan) -> bool:
    """Whether four tiles, pass by pass, give the same result as the whole image."""
    side = 2 * (plan.halo + plan.field.step) + CORE + 1
    image, tile = noise(side), round_up(side // 2, plan.field.step)
    gathering, made = plan.gathering(), torch.empty(1, 3, side * scale, side * scale)
    try:
        for number, place in plan.tiles(side, side, tile):
            part = gathering.tile(network, place.given(image), place, number)
            if part is not None:
                made[:, :, place.row.enlarged(scale), place.column.enlarged(scale)] = place.core(part, Fraction(scale))
    except (TilingError, RuntimeError) as error:  # parts that don't fit may have another shape
        if is_out_of_memory(error):
            raise
        return False
    return not differ(made, network(image))  # last, since the network may change the image


class _Noted(NamedTuple):
    """A call for an image of one size.

    Attributes:
        kind: Kind of call.
        height: Height of its features.
        length: Height of its result, if that is a map resized to another size.
        is_square: Whether its features, and such a result, are square.
    """

    kind: type[WholeImageCall]
    height: int
    length: int | None
    is_square: bool


class _Survey(Interception):
    """Notes the calls that look at the whole image."""

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
    """The roles of a network's calls; none if the calls differ between images."""
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
    """Pixels of a call's features per LR pixel, or None if the call need not or can't be gathered."""
    ratio = Fraction(large.height - small.height, _SIDES[1] - _SIDES[0])
    is_known = small.is_square and large.is_square and ratio > 0 and small.height <= ratio * _SIDES[0]
    if is_known and small.kind is Resize:
        is_known = ratio < 1 and small.length is not None and large.length is not None
        lengths = (small.length or 0, large.length or 0)
        is_known = is_known and all(length % side == 0 for length, side in zip(lengths, _SIDES, strict=True))
    return ratio if is_known else None


class _Order(Interception):
    """Finds the pass in which each call can be gathered; until then, the results of earlier calls are NaN."""

    def __init__(self, roles: Sequence[Role], sums: Sums) -> None:
        super().__init__(sums)
        self.depths = [math.inf if role.ratio is not None else -1 for role in roles]
        self._depth = -1

    def next_pass(self, network: nn.Module, image: Tensor) -> bool:
        """Continue with the next depth; return whether any call was found there."""
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
            gathered = iter(range(len(roles)))  # one after the other if the order can't be found
            return [0 if role.ratio is None else next(gathered) for role in roles]
    return [max(0, int(depth)) for depth in order.depths]
