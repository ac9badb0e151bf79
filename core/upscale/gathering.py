"""Networks on tiles: the inputs of calls that look at the whole image are gathered from all tiles first."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from torch import Tensor, nn

from qnas.core.errors import InputError
from qnas.core.upscale.cutting import Place
from qnas.core.upscale.interception import Compute, Enough, Interception
from qnas.core.upscale.recognition import Sums
from qnas.core.upscale.whole_image import WholeImageCall


class TilingError(InputError):
    """Tiles would not fit together: pixels of the output depend on more than their surroundings."""


class Role(NamedTuple):
    """How to handle a call that may look at the whole image.

    Attributes:
        kind: Kind of call.
        ratio: Pixels of its features per LR pixel; None if it only looks at nearby pixels in every tile.
        depth: The pass in which it is gathered; calls of lower depths are known by then.
    """

    kind: type[WholeImageCall]
    ratio: Fraction | None
    depth: int = 0


class Gathering(Interception):
    """Runs a network on the tiles of one image, pass by pass.

    Args:
        roles: Roles of the network's calls.
        sums: See :class:`Recognition`.
    """

    def __init__(self, roles: Sequence[Role], sums: Sums) -> None:
        super().__init__(sums)
        self._roles = roles
        self._seen: list[Any] = [None] * len(roles)
        self._depth = self._left = 0
        self._place: Place

    def tile(self, network: nn.Module, image: Tensor, place: Place, depth: int) -> Any:
        """The network's output for a tile, or None if a call of this depth is gathered instead.

        Raises:
            TilingError: The network makes different calls for the tile than it did when the passes were planned.
        """
        self._depth, self._place = depth, place
        self._left = sum(role.ratio is not None and role.depth == depth for role in self._roles)
        result = self.run(network, image)
        if result is not None and (self._left or self._next != len(self._roles)):
            raise TilingError(_CHANGED)
        return result

    def answer(self, index: int, call: WholeImageCall, compute: Compute) -> Any:
        """See :meth:`Interception.answer`."""
        role = self._roles[index] if index < len(self._roles) else None
        if role is None or not isinstance(call, role.kind):
            raise TilingError(_CHANGED)
        if role.ratio is None:
            return compute()
        if role.depth < self._depth:
            return call.answer(self._seen[index], self._place)
        if role.depth == self._depth:
            core = self._place.core(call.features, role.ratio)
            self._seen[index] = call.gather(self._seen[index], core, self._place)
            self._left -= 1
            if not self._left:
                raise Enough
        return call.neutral()


_CHANGED = "the network works differently on a tile than on an image, so tiles would not fit together"
