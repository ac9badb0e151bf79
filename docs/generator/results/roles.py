"""What the variants of a sweep stand for: the one place to change if they get other names."""

from typing import NamedTuple

SEARCHED = "searched"
DIRECT = "direct"
NO_ENTROPY = "no-entropy"
NO_ADQ = "no-adq"

ROLES = {
    SEARCHED: "searched against quantization noise, with entropy regularization and ADQ",
    DIRECT: "searched with direct quantization",
    "uniform": "the fixed architecture at uniform bits",
    "uniform-edsr": "EDSR-baseline at uniform bits",
    "mixed": "the fixed architecture at searched mixed precision (EdMIPS)",
    "random": "random architectures of the same space",
    NO_ENTROPY: "searched without entropy regularization",
    NO_ADQ: "searched with other residuals than ADQ",
    "uniform-plain": "the fixed architecture at uniform bits, with plain residuals instead of ADQ",
    "uniform-batch-norm": "the fixed architecture at uniform bits, with Batch Norm in plain residuals instead of ADQ",
    "rfdn-searched": "RFDN space, searched",
    "rfdn-uniform": "RFDN as it is, at uniform bits",
}
"""Variant to its description."""


class TradeOff(NamedTuple):
    """What a claim says: that one variant has a better PSNR than others at the same BitOps.

    Attributes:
        ours: The variant that should be better.
        baselines: The variants it should be better than.
        beside: Others to show, which the claim does not mention.
    """

    ours: str
    baselines: tuple[str, ...]
    beside: tuple[str, ...] = ()


TRADE_OFFS = {
    1: (TradeOff(SEARCHED, ("uniform", "uniform-edsr", "mixed"), ("random",)),),
    4: (TradeOff("uniform", ("uniform-plain", "uniform-batch-norm")), TradeOff(SEARCHED, (NO_ADQ,))),
    5: (TradeOff("rfdn-searched", ("rfdn-uniform",)),),
}
"""Claim to the comparisons that decide it, for claims about trade-offs."""

TITLES = {
    1: "Searched networks have a better trade-off than quantized fixed ones",
    2: "Searching against noise is 1.3 times as fast as with direct quantization, and more stable",
    3: "Entropy regularization drives every slot to one operation",
    4: "ADQ makes quantized networks better",
    5: "It works for another space, one inspired by RFDN",
}
"""The claims of the paper (arXiv 2208.14839)."""
