"""Networks on tiles: what looks at all of an image is gathered from its tiles first."""

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
    """Tiles would not fit together: what the network makes of a pixel depends on more than what is near it."""


class Role(NamedTuple):
    """What a call that may look at all of an image has to be given.

    Attributes:
        kind: Of call.
        ratio: Pixels of its features to one LR pixel; None if what it looks at is near in every tile.
        depth: The pass in which it is gathered; those of lower depths are known then.
    """

    kind: type[WholeImageCall]
    ratio: Fraction | None
    depth: int = 0


class Gathering(Interception):
    """Runs a network on the tiles of one image, pass by pass.

    Args:
        roles: Of its calls.
        sums: See :class:`Recognition`.
    """

    def __init__(self, roles: Sequence[Role], sums: Sums) -> None:
        super().__init__(sums)
        self._roles = roles
        self._seen: list[Any] = [None] * len(roles)
        self._depth = self._left = 0
        self._place: Place

    def tile(self, network: nn.Module, image: Tensor, place: Place, depth: int) -> Any:
        """What the network makes of a tile, or None if there is a call of this depth: that is gathered.

        Raises:
            TilingError: The network does something else in the tile than it did when it was looked into.
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


_CHANGED = "the network does other things in a tile than in an image, so tiles would not fit together"
