"""The scores of the found network on the test sets, beside those of bicubic, or of the input at scale 1."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple


class Metric(NamedTuple):
    """A metric: its key in the results, its name, its unit and how many digits to show."""

    key: str
    name: str
    unit: str
    digits: int


METRICS = (
    Metric("psnr_y", "PSNR Y", "dB", 2),
    Metric("ssim_y", "SSIM Y", "", 4),
    Metric("psnr_rgb", "PSNR RGB", "dB", 2),
    Metric("ssim_rgb", "SSIM RGB", "", 4),
)


@dataclass(frozen=True)
class Comparison:
    """One metric of ours and of the baseline, None where missing. The gain is NaN if both are infinite."""

    metric: Metric
    ours: float | None
    baseline: float | None

    @property
    def gain(self) -> float | None:
        """By how much ours is better."""
        if self.ours is None or self.baseline is None:
            return None
        return self.ours - self.baseline

    @property
    def verdict(self) -> str:
        """``better``, ``worse``, ``equal`` (as far as the digits tell) or ``unknown``."""
        if self.gain is None or math.isnan(self.gain):
            return "unknown"
        gain = self.gain if math.isinf(self.gain) else round(self.gain, self.metric.digits)
        return "better" if gain > 0 else "worse" if gain < 0 else "equal"


@dataclass(frozen=True)
class Row:
    """The scores of a test set or an image."""

    name: str
    comparisons: Sequence[Comparison]

    @property
    def headline(self) -> Comparison:
        """The figure that papers compare by: PSNR on Y."""
        return self.comparisons[0]


def rows(scores: Any) -> list[Row]:
    """A row for each name in ``scores``, which maps names to figures; the baseline's are under ``bicubic``."""
    return [Row(str(name), _comparisons(figures)) for name, figures in (scores or {}).items()]


def _comparisons(figures: Mapping[str, Any]) -> list[Comparison]:
    baseline = figures.get("bicubic") or {}
    return [Comparison(metric, figures.get(metric.key), baseline.get(metric.key)) for metric in METRICS]
