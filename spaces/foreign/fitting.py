"""Finds the weights of a network in a file, whatever the file calls them."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from qnas.core.errors import InputError

Weights = Mapping[str, Tensor]

_WRAPPERS = ("params", "state_dict", "model_state_dict", "model", "network", "net", "generator", "net_g", "weights")
_DEEPEST = 4
_INNER = ("_orig_mod.", "module.")
"""Prefixes that torch.compile and (Distributed)DataParallel add to names, also inside a network."""


@dataclass(frozen=True)
class Match:
    """How weights would go into a network.

    Attributes:
        label: Where in the file they are: the keys that lead there, and the prefix of their names.
        weights: The values found, by the network's names.
        missing: Names that only the network has.
        surplus: Names under the prefix that only the file has.
        beside: How many values lack the prefix.
        misshapen: The names whose shapes differ.
    """

    label: tuple[str, ...]
    weights: Weights
    missing: Sequence[str]
    surplus: Sequence[str]
    beside: int
    misshapen: Sequence[str]

    @property
    def fits(self) -> bool:
        """Whether the network could take them."""
        return not (self.missing or self.surplus or self.misshapen)

    @property
    def is_average(self) -> bool:
        """Whether their names say that they are a moving average."""
        return any("ema" in re.split(r"[^a-z]+", part.lower()) for part in self.label)

    @property
    def rank(self) -> int:
        """The preference among several, lowest first; ``len(_WRAPPERS)`` for an unknown name."""
        names = [part.strip(".") for part in self.label if part.strip(".") not in {"module", "_orig_mod"}]
        if not names or self.is_average:
            return -1
        return min((_WRAPPERS.index(name) for name in names if name in _WRAPPERS), default=len(_WRAPPERS))


def matches(loaded: Any, own: Weights, ignored: str = "") -> list[Match]:
    """How each state dict in ``loaded`` would go into a network that has the values ``own``.

    Args:
        loaded: What a file holds.
        own: The network's values.
        ignored: A pattern of names in the file that the network has no use for.
    """
    found: list[Match] = []
    for label, weights in _state_dicts(loaded):
        wanted = {name: value for name, value in weights.items() if not (ignored and re.search(ignored, name))}
        if wanted:
            found += _matched(label, wanted, own)
    return found


def best_match(found: Sequence[Match], path: object) -> Match:
    """The one to use of several that fit; a moving average comes first.

    Raises:
        InputError: It is ambiguous which one is meant.
    """
    first, *others = sorted(found, key=lambda match: (not match.is_average, match.rank))
    if any((other.is_average, other.rank) == (first.is_average, first.rank) for other in others):
        names = " and ".join(_name_of(match) for match in (first, *others))
        raise InputError(f"{path} holds {names}, which all fit the network: keep one of them")
    return first


def notices(match: Match, found: Sequence[Match], path: object) -> list[str]:
    """What the user should know about the choice of ``match`` among those that fit."""
    chosen, others = _name_of(match), [_name_of(other) for other in found if other is not match]
    if others:
        return [f"{path} holds {chosen} and {' and '.join(others)}: {chosen} is used"]
    if match.beside:
        prefix = match.label[-1]
        return [f"of {path} only the values named '{prefix}...' are used (not used: {match.beside})"]
    return []


def nearness(match: Match) -> tuple[int, int]:
    """How near a match comes to fitting, for comparisons."""
    return len(match.weights) - len(match.misshapen), len(match.surplus)


def why_not(found: Sequence[Match], own: Weights, scale: int) -> str:
    """How the nearest of several matches that don't fit differs from the network."""
    nearest = max(found, key=nearness)
    right, _ = nearness(nearest)
    reasons = [f"{right} of the network's {len(own)} values are in it"]
    if nearest.misshapen:
        name, *more = nearest.misshapen
        shapes = f"{name} is {tuple(nearest.weights[name].shape)}, not {tuple(own[name].shape)}"
        reasons.append(shapes + (f", and {len(more)} more differ" if more else ""))
    if nearest.missing:
        reasons.append(f"only the network has {_some(nearest.missing)}")
    if nearest.surplus:
        reasons.append(f"only the file has {_some(nearest.surplus)}")
    return "; ".join([*reasons, *_guess(nearest, own, scale)])


def _guess(match: Match, own: Weights, scale: int) -> Iterator[str]:
    """Possible reasons for the mismatch."""
    if match.misshapen and all(_is_of_channels(match.weights[name], own[name]) for name in match.misshapen):
        yield "its PReLUs have a slope for each channel: so has 'activation: channel-prelu'"
    elif match.misshapen and not (match.missing or match.surplus):
        other = _other_scale([(match.weights[name].shape, own[name].shape) for name in match.misshapen], scale)
        yield f"it may be for scale {other}, not {scale}" if other else "it may have other channel counts"
    prefix = _shared_prefix(own)
    if prefix and not match.weights and all(prefix + name in own for name in match.surplus):
        yield f"the network's names begin with '{prefix}', those of the file don't"


def _is_of_channels(there: Tensor, here: Tensor) -> bool:
    """Whether a file has several slopes where the network has one."""
    return here.shape == (1,) and there.dim() == 1


def _other_scale(shapes: Sequence[tuple[torch.Size, torch.Size]], scale: int) -> int:
    """The scale whose pixel shuffle would explain the differing channels, 0 if none does."""
    if any(not here or there[1:] != here[1:] for there, here in shapes):
        return 0
    others = {scale * math.sqrt(there[0] / here[0]) for there, here in shapes}
    return next((other for other in range(2, 9) if all(math.isclose(other, one) for one in others)), 0)


def _shared_prefix(names: Weights) -> str:
    firsts = {name.partition(".")[0] + "." for name in names}
    return firsts.pop() if len(firsts) == 1 and all("." in name for name in names) else ""


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _name_of(match: Match) -> str:
    return "'" + ".".join(part.rstrip(".") for part in match.label) + "'" if match.label else "the weights themselves"


def _state_dicts(loaded: Any, label: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Weights]]:
    """Every mapping in a checkpoint that holds tensors, and the keys that lead to it."""
    if not isinstance(loaded, Mapping) or len(label) > _DEEPEST:
        return
    tensors = {key: value for key, value in loaded.items() if isinstance(key, str) and _is_plain(value)}
    if tensors:
        yield label, tensors
    for key, value in loaded.items():
        if isinstance(key, str):
            yield from _state_dicts(value, (*label, key))


def _is_plain(value: Any) -> bool:
    return isinstance(value, Tensor) and value.layout == torch.strided and not value.is_meta


def _matched(label: tuple[str, ...], weights: Weights, own: Weights) -> list[Match]:
    """The ways in which a state dict fits a network, or else the way that comes nearest."""
    ways: list[Match] = []
    for strip in ((), _INNER[:1], _INNER[1:], _INNER):
        named = {_without(name, strip): value for name, value in weights.items()}
        if len(named) == len(weights):
            ways += [_under(prefix, label, named, own) for prefix in _prefixes(named, own)]
        if any(match.fits for match in ways):
            return [match for match in ways if match.fits]
    return [max(ways, key=lambda match: len(match.weights) - len(match.misshapen) / 2)]


def _without(name: str, parts: Sequence[str]) -> str:
    for part in parts:
        name = re.sub(rf"(^|\.){re.escape(part)}", r"\1", name)
    return name


def _prefixes(weights: Weights, own: Weights) -> list[str]:
    """The prefixes that cover the most of the network's names."""
    counts = Counter({"": 0})
    for name in weights:
        parts = name.split(".")
        counts.update(
            ".".join([*parts[:cut], ""]) if cut else "" for cut in range(len(parts)) if ".".join(parts[cut:]) in own
        )
    most = max(counts.values())
    return [prefix for prefix, count in counts.items() if count == most]


def _under(prefix: str, label: tuple[str, ...], weights: Weights, own: Weights) -> Match:
    there = {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
    taken = {name: there[name] for name in own if name in there}
    return Match(
        label=(*label, *filter(None, [prefix])),
        weights=taken,
        missing=[name for name in own if name not in there],
        surplus=[name for name in there if name not in own],
        beside=len(weights) - len(there),
        misshapen=[name for name, value in taken.items() if value.shape != own[name].shape],
    )
