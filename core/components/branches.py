"""The branches that a convolution may be trained with: which there are, and which convolutions can have them."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

Branch = Literal[
    "conv1x1",
    "identity",
    "conv1x1-3x3",
    "conv1x1-3x3-1x1",
    "sobel-x",
    "sobel-y",
    "laplacian",
    "edges",
    "ecbsr",
    "span",
    "repvgg",
]
"""A branch, or a set of them."""

_SETS: Mapping[str, tuple[str, ...]] = {
    "edges": ("sobel-x", "sobel-y", "laplacian"),
    "ecbsr": ("conv1x1-3x3", "sobel-x", "sobel-y", "laplacian"),
    "span": ("conv1x1-3x3-1x1", "conv1x1"),
    "repvgg": ("conv1x1", "identity"),
}
_SMALL = frozenset({"conv1x1", "identity"})
"""Branches whose kernel is 1 x 1; that of all others is 3 x 3."""


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Branches = Annotated[
    tuple[Branch, ...],
    BeforeValidator(_as_list, json_schema_input_type=Branch | list[Branch]),
]
"""Branches by name, one or several; a set of them counts as all in it."""


def expand(branches: Sequence[str]) -> tuple[str, ...]:
    """The single branches, each once, in order."""
    return tuple(dict.fromkeys(single for name in branches for single in _SETS.get(name, (name,))))


def branches_unfit(branches: Sequence[str], kernel_size: tuple[int, int], channels: tuple[int, int]) -> str:
    """Why a convolution can't be trained with these branches, or ``""``.

    Args:
        branches: Their names.
        kernel_size: Height and width of its kernel.
        channels: Its input and output channels.
    """
    single = expand(branches)
    height, width = kernel_size
    if single and not (height % 2 and width % 2):
        return f"branches need a kernel with a centre, and {height}x{width} is even"
    large = [name for name in single if name not in _SMALL]
    if large and min(kernel_size) < 3:
        return f"the branch '{large[0]}' is 3x3, which a {height}x{width} kernel can't hold"
    if "identity" in single and channels[0] != channels[1]:
        return f"the branch 'identity' can't turn {channels[0]} channels into {channels[1]}"
    return ""
