"""Scoring a network on whole test sets."""

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from qnas.core.components import Pixels
from qnas.core.errors import QnasWarning
from qnas.core.images.metrics import psnr_y, score
from qnas.core.images.pairs import ImagePair
from qnas.core.ranks import from_main
from qnas.core.upscale.baseline import bicubic_scores
from qnas.core.upscale.enlarging import NotFiniteError, Upscale, enlarge

Scores = dict[str, Any]
OnImage = Callable[[int, Scores], object]


def validate(
    upscale: Upscale,
    pairs: Sequence[ImagePair],
    scale: int,
    device: torch.device,
    on_image: Callable[[ImagePair, Pixels], object] | None = None,
) -> tuple[float, float]:
    """Mean PSNR on Y in dB and mean absolute error (in 0..1) over whole images, in this order.

    Of processes that train together each measures it, and all take what the first has measured.

    A network whose output is not finite gets the worst possible scores, -inf dB and inf, and a warning, so that it
    does not end a search that tries many networks.

    Args:
        upscale: The network.
        pairs: The images.
        scale: The factor.
        device: Where to compute.
        on_image: Called with each image and what the network makes of it, if all are finite.
    """
    psnr, error = from_main(_measured(upscale, pairs, scale, device, on_image))
    return psnr, error


def _measured(
    upscale: Upscale,
    pairs: Sequence[ImagePair],
    scale: int,
    device: torch.device,
    on_image: Callable[[ImagePair, Pixels], object] | None,
) -> tuple[float, float]:
    try:
        enlarged = [(enlarge(upscale, p.lr, device), p.hr) for p in pairs]
    except NotFiniteError as broken:
        why = f"during validation, {broken}; it is scored as the worst possible network"
        warnings.warn(why, QnasWarning, stacklevel=3)
        return float("-inf"), float("inf")
    if on_image is not None:
        for pair, (ours, _) in zip(pairs, enlarged, strict=True):
            on_image(pair, ours)
    psnr = float(np.mean([psnr_y(ours, hr, scale) for ours, hr in enlarged]))
    error = float(np.mean([np.abs(ours.astype(np.float32) - hr).mean() / 255 for ours, hr in enlarged]))
    return psnr, error


def judge(ours: Pixels, image: ImagePair, scale: int) -> dict[str, object]:
    """Scores of an enlarged image, with those of bicubic enlargement under ``bicubic``."""
    with ThreadPoolExecutor(1) as beside:  # NumPy releases the GIL
        bicubic = beside.submit(bicubic_scores, image, scale)
        return {**score(ours, image.hr, scale), "bicubic": bicubic.result()}


@dataclass
class Judged:
    """Scores by test set and image, and the enlarged images.

    Attributes:
        images: Maps set to image to scores, with those of bicubic enlargement.
        examples: Some tuples (set, image pair, enlarged image) to look at.
    """

    images: dict[str, dict[str, Scores]] = field(default_factory=dict)
    examples: list[tuple[str, ImagePair, Pixels]] = field(default_factory=list)

    @property
    def means(self) -> dict[str, Scores]:
        """Maps set to mean scores, without sets that have no scored image."""
        return {name: mean_scores(list(scores.values())) for name, scores in self.images.items() if scores}

    def add(self, name: str, image: ImagePair, ours: Pixels, scale: int) -> Scores:
        """Score an enlarged image of the set ``name``, and return its scores."""
        scores = judge(ours, image, scale)
        self.images.setdefault(name, {})[image.name] = scores
        return scores


def judge_sets(
    upscale: Callable[[Pixels], Pixels],
    sets: Mapping[str, Iterable[ImagePair]],
    scale: int,
    on_image: OnImage,
    examples_per_set: int = 6,
) -> Judged:
    """Scores of every image of every set.

    Args:
        upscale: Enlarges an image by ``scale``.
        sets: The test sets; images are read one at a time.
        scale: The factor.
        on_image: Called after every image with the number of images done and the image's scores.
        examples_per_set: Number of images at the start of each set to keep as examples.
    """
    judged, done = Judged(), 0
    for name, pairs in sets.items():
        for index, image in enumerate(pairs):
            ours = upscale(image.lr)
            scores = judged.add(name, image, ours, scale)
            if index < examples_per_set:
                judged.examples.append((name, image, ours))
            done += 1
            on_image(done, scores)
    return judged


def mean_scores(scores: Sequence[Scores]) -> Scores:
    """The mean of every figure, with those of bicubic under ``bicubic`` again."""
    return {
        key: mean_scores([s[key] for s in scores])
        if isinstance(value, dict)
        else float(np.mean([s[key] for s in scores]))
        for key, value in scores[0].items()
    }
