"""The energy of multiplications and additions, by a table."""

import functools
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

from qnas.core.components import ConvolutionShape, PricedSpace
from qnas.core.errors import InputError, from_field
from qnas.core.settings import FLOAT_BITS
from qnas.core.settings.bits import FLOAT_WORD
from qnas.plugins.costs.from_file import FromFile

_FEMTO = 1000
Picojoules = Mapping[float, float]
"""By bit-width; infinity stands for floats."""

HOROWITZ: Final[Picojoules] = {8: 0.2 + 0.1, 32: 3.1 + 0.1, math.inf: 3.7 + 0.9}
"""Picojoules of a multiply-accumulate at 45 nm and 0.9 V: of two 8-bit or 32-bit integers, added as a 32-bit integer,
and of two 32-bit floats (Horowitz, Computing's energy problem, ISSCC 2014)."""


class Energy(FromFile):
    """Femtojoules of the multiply-accumulates for one image; what memory takes is left out.

    Without a table: 0.2 pJ for the product of two 8-bit integers, 3.1 pJ for that of two 32-bit integers, and 0.1 pJ to
    add either as a 32-bit integer; 3.7 pJ and 0.9 pJ for two 32-bit floats; at 45 nm and 0.9 V (Horowitz, Computing's
    energy problem, ISSCC 2014, https://doi.org/10.1109/ISSCC.2014.6757323).

    Note:
        Nothing is interpolated: a width that a table lacks has the energy of the next wider one that it has, which
        can hold it. So without a table, 4 bits take as much as 8, and 16 bits as much as 32, since the paper has no
        integers of 4 or 16 bits. Of weights and activations, the wider count.

    Attributes:
        table: A JSON file of picojoules for each multiply-accumulate by bit-width, with their source: ``{"source": "my
            chip", "picojoules": {"4": 0.1, "8": 0.3, "float": 4.6}}``; by default the figures above.
    """

    order: ClassVar = 11
    unit: ClassVar = "fJ"

    table: str | None = None

    def of_convolution(self, convolution: ConvolutionShape) -> int:
        """See :meth:`qnas.Cost.of_convolution`."""
        bits = max(convolution.weight_bits, convolution.activation_bits)
        width, prices = math.inf if bits == FLOAT_BITS else bits, self._prices()
        return convolution.macs * prices[min(known for known in prices if known >= width)]

    def refuse_unfit(self, space: PricedSpace) -> None:
        """See :meth:`qnas.Cost.refuse_unfit`."""
        del space
        self._prices()

    def _prices(self) -> Mapping[float, int]:
        """Femtojoules by width, that of floats among them."""
        with from_field("table"):
            picojoules = HOROWITZ if self.table is None else _read(self.path, _stamp(self.path))
        return {width: round(_FEMTO * price) for width, price in picojoules.items()}


def _stamp(path: Path) -> Any:
    try:
        return path.stat().st_mtime_ns, path.stat().st_size
    except (OSError, ValueError) as error:
        raise InputError(f"can't be read: {getattr(error, 'strerror', None) or error}", str(path)) from None


@functools.lru_cache(maxsize=16)
def _read(path: Path, _: Any) -> Picojoules:
    try:
        data = json.loads(path.read_bytes())
        prices = {_width(key): float(value) for key, value in data["picojoules"].items()}
        source = str(data["source"]).strip()
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        form = '{"source": "...", "picojoules": {"8": 0.3, "float": 4.6}}'
        raise InputError(f"is no table of energies: it must be like {form}", str(path)) from None
    rising = [prices[width] for width in sorted(prices)]
    if not source or math.inf not in prices or rising != sorted(rising) or not all(map(_is_positive, rising)):
        wanted = "its source, picojoules above 0 that don't fall with the width, and 'float' among them"
        raise InputError(f"must have {wanted}", str(path))
    return prices


def _width(key: str) -> float:
    if key == FLOAT_WORD:
        return math.inf
    if not 1 <= int(key) <= FLOAT_BITS:
        raise ValueError(key)
    return int(key)


def _is_positive(picojoules: float) -> bool:
    return 0 < picojoules < 1e6
