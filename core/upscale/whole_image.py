"""Calls in a network whose result depends on the whole image, and how to compute each from tiles."""

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import torch
from torch import Tensor

from qnas.core.components import Moments
from qnas.core.upscale.cutting import Place, Span

_ANY: Final = Moments(4, *(torch.tensor(m, dtype=torch.float64) for m in (0.5, 0.5, 0.25, 1.0)))


class WholeImageCall(ABC):
    """A call whose result depends on all pixels of ``features``, (1, C, H, W)."""

    features: Tensor

    @abstractmethod
    def gather(self, seen: Any, core: Tensor, place: Place) -> Any:
        """``seen`` with a tile added, whose part of the features is ``core``; ``seen`` is None for the first tile."""

    @abstractmethod
    def answer(self, seen: Any, place: Place) -> Any:
        """The result of the call in a tile, once all tiles have been seen."""

    @abstractmethod
    def neutral(self) -> Any:
        """A result of the right shape that does not depend on the features elsewhere."""


@dataclass(frozen=True)
class Reduction(WholeImageCall):
    """A function of the moments of the features, such as their mean, or the features normalized by it.

    Attributes:
        features: Input of the reduction.
        finish: Computes the result, in any precision, from the moments.
    """

    features: Tensor
    finish: Callable[[Moments], Any]

    def gather(self, seen: Moments | None, core: Tensor, place: Place) -> Moments:
        """See :meth:`WholeImageCall.gather`."""
        del place
        moments = Moments.of(core)
        return moments if seen is None else seen.joined(moments)

    def answer(self, seen: Moments, place: Place) -> Any:
        """See :meth:`WholeImageCall.answer`."""
        del place
        return self._finished(seen)

    def neutral(self) -> Any:
        """See :meth:`WholeImageCall.neutral`."""
        shape = (1, self.features.shape[1], 1, 1)
        return self._finished(Moments(_ANY.number, *(moment.expand(shape) for moment in _ANY[1:])))

    def _finished(self, moments: Moments) -> Any:
        result = self.finish(moments)
        return tuple(map(self._as_features, result)) if isinstance(result, tuple) else self._as_features(result)

    def _as_features(self, result: Tensor) -> Tensor:
        return result.to(self.features)


class Mosaic:
    """A map of an image, assembled from those of its tiles."""

    def __init__(self) -> None:
        self._parts: dict[int, dict[int, Tensor]] = {}

    def put(self, part: Tensor, place: Place) -> None:
        """Add the map of a tile."""
        self._parts.setdefault(place.row.inner, {})[place.column.inner] = part.clone()

    @functools.cached_property
    def whole(self) -> Tensor:
        """The map, once it is complete."""
        rows = [torch.cat([row[column] for column in sorted(row)], dim=3) for _, row in sorted(self._parts.items())]
        self._parts.clear()
        return torch.cat(rows, dim=2)


@dataclass(frozen=True)
class Resize(WholeImageCall):
    """A map resized to a size that is not a multiple of its own, as in enhanced spatial attention.

    Attributes:
        features: The map.
        size: The new size.
        resize: Resizes a map to a size.
    """

    features: Tensor
    size: tuple[int, int]
    resize: Callable[[Tensor, tuple[int, int]], Tensor]

    def gather(self, seen: Mosaic | None, core: Tensor, place: Place) -> Mosaic:
        """See :meth:`WholeImageCall.gather`."""
        seen = seen or Mosaic()
        seen.put(core, place)
        return seen

    def answer(self, seen: Mosaic, place: Place) -> Tensor:
        """See :meth:`WholeImageCall.answer`."""
        rows = self._weights(seen.whole.shape[2], place.row, self.size[0], place.height)
        columns = self._weights(seen.whole.shape[3], place.column, self.size[1], place.width)
        (top, rows), (left, columns) = map(_trimmed, (rows, columns))
        near = seen.whole[:, :, top : top + rows.shape[1], left : left + columns.shape[1]]
        return (rows @ near @ columns.T).to(self.features)

    def neutral(self) -> Tensor:
        """See :meth:`WholeImageCall.neutral`."""
        return self.features.new_full((*self.features.shape[:2], *self.size), 0.5)

    @property
    def is_multiple(self) -> bool:
        """Whether the size is a multiple of the map's, so that each pixel becomes the same number of pixels."""
        return all(new % old == 0 for new, old in zip(self.size, self.features.shape[2:], strict=True))

    def _weights(self, old: int, span: Span, length: int, whole_length: int) -> Tensor:
        """The weight of each pixel of the map for each pixel of a tile in one direction, (length, old)."""
        ratio = Fraction(length, span.stop - span.start)
        impulses = torch.eye(old, device=self.features.device)[None, :, :, None]  # one per channel
        answers = self.resize(impulses, (int(whole_length * ratio), 1))[0, :, :, 0]
        start = int(span.start * ratio)
        return answers[:, start : start + length].T


def _trimmed(weights: Tensor) -> tuple[int, Tensor]:
    """The index of the first nonzero column, and the columns from there to the last nonzero one."""
    used = weights.any(dim=0).nonzero()
    first, last = int(used.min()), int(used.max())
    return first, weights[:, first : last + 1]
