"""Weights from a third-party file; nothing in it is ever executed."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from qnas.core.errors import InputError
from qnas.core.files.paths import expanded
from qnas.spaces.foreign.fitting import Match, best_match, matches, nearness, notices, why_not
from qnas.spaces.foreign.naming import Names
from qnas.spaces.foreign.weights_file import read_weights_file

Scales = Callable[[], Iterable[tuple[int, Sequence[Names]]]]
"""Other scales, and the names that the network's values have at each."""


def load_checkpoint(
    network: nn.Module, path: str, scale: int, names: Sequence[Names] = (), others: Scales = tuple
) -> list[str]:
    """Load weights into ``network``, and return what the user should know about them, one line each.

    The file is a safetensors file or one written by ``torch.save``: a state dict, or a checkpoint that has one under
    any keys. If it has several, the moving average, such as ``params_ema``, is used. Prefixes that DataParallel,
    torch.compile or a trainer put before the names are removed.

    Args:
        network: The network to load them into.
        path: The file. ``~`` is the user's home; a relative path starts from the current folder.
        scale: The factor that the network enlarges by, to report a file for another scale.
        names: The names that its values may have in the file, the likeliest first; by default those that they have.
        others: Other scales that a file which does not fit may be for.

    Raises:
        InputError: The file can't be read, or its weights don't fit the network.
    """
    file = expanded(path).absolute()  # messages show where the file was looked for
    loaded = read_weights_file(file)
    tried = [(named, _matches(loaded, named)) for named in names or [Names(values_of(network))]]
    if not any(found for _, found in tried):
        raise InputError(f"{file} holds no state dict ({_content(loaded)})")
    named, fitting = next(((named, fits) for named, found in tried if (fits := _fitting(found))), (None, []))
    if named is None:
        raise InputError(f"{file} does not fit the network: {_why_not(loaded, tried, scale, others)}")
    chosen = best_match(fitting, file)
    for name, value in chosen.weights.items():
        if value.is_complex() or not value.isfinite().all():
            raise InputError(f"{file} can't be used: {name} has values that are not finite real numbers")
    with _about(file):
        weights = named.translate(chosen.weights)
    network.load_state_dict(weights, strict=False)  # all tensors are there; modules may keep more than tensors
    return [*notices(chosen, fitting, file), *filter(None, [named.notice])]


@contextlib.contextmanager
def _about(file: Path) -> Iterator[None]:
    """Say of an error inside which file it comes from."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{file} can't be used: {error}") from error


def _matches(loaded: Any, names: Names) -> list[Match]:
    return matches(loaded, names.expected, names.ignored)


def _fitting(found: Sequence[Match]) -> list[Match]:
    return [match for match in found if match.fits]


def _why_not(loaded: Any, tried: Sequence[tuple[Names, list[Match]]], scale: int, others: Scales) -> str:
    """Why none of several names that were tried fits, by those that come nearest."""
    for other, names in others():
        if any(_fitting(_matches(loaded, named)) for named in names):
            return f"it is for scale {other}, not {scale}"
    named, found = max(tried, key=lambda one: max(map(nearness, one[1]), default=(-1, 0)))
    return why_not(found, named.expected, scale)


def values_of(network: nn.Module) -> dict[str, Tensor]:
    """The tensors of a network's state dict, by name."""
    return {name: value for name, value in network.state_dict().items() if isinstance(value, Tensor)}


def _content(loaded: Any) -> str:
    if not isinstance(loaded, Mapping):
        return f"it holds a {type(loaded).__name__}"
    if not loaded:
        return "it is an empty mapping"
    keys = [str(key) for key in loaded]
    return f"it has keys {', '.join(keys[:6])}" + (", ..." if len(keys) > 6 else "")
