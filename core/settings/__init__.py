"""Settings: frozen groups of fields, their valid values, and how they keep their meaning across versions."""

from qnas.core.settings.bits import BETWEEN, FLOAT, FLOAT_BITS, BetweenBits, Bits, Widths
from qnas.core.settings.bounds import Amount, Count, Extent, Seed
from qnas.core.settings.settings import Frozen, FrozenDict, Settings, invalid
from qnas.core.settings.versioned import Versioned
from qnas.core.settings.versions import SPEC_VERSION, UNSTATED_VERSION, EarlierDefaults, as_of, version_in_force

__all__ = [
    "BETWEEN",
    "FLOAT",
    "FLOAT_BITS",
    "SPEC_VERSION",
    "UNSTATED_VERSION",
    "Amount",
    "BetweenBits",
    "Bits",
    "Count",
    "EarlierDefaults",
    "Extent",
    "Frozen",
    "FrozenDict",
    "Seed",
    "Settings",
    "Versioned",
    "Widths",
    "as_of",
    "invalid",
    "version_in_force",
]
