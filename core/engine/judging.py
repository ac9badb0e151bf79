"""Judging a network on whole test sets."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from qnas.core.components import Pixels
from qnas.core.engine.evaluate import judge
from qnas.core.engine.images import ImagePair

Scores = dict[str, Any]
OnImage = Callable[[int, Scores], object]


@dataclass
class Judged:
    """Scores by test set and image, and the enlarged images.

    Attributes:
        means: Set to mean scores, bicubic's beside them.
        images: Set to image to scores.
        examples: Some (set, image pair, enlarged image) to look at.
    """

    means: dict[str, Scores] = field(default_factory=dict)
    images: dict[str, dict[str, Scores]] = field(default_factory=dict)
    examples: list[tuple[str, ImagePair, Pixels]] = field(default_factory=list)


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
        sets: What to judge it on; each image is asked for when its turn comes.
        scale: The factor.
        on_image: Told of every image: how many are done, and its scores.
        examples_per_set: How many of each set's first images are kept as examples.
    """
    judged, done = Judged(), 0
    for name, pairs in sets.items():
        judged.images[name] = {}
        for index, image in enumerate(pairs):
            ours = upscale(image.lr)
            scores = judge(ours, image, scale)
            judged.images[name][image.name] = scores
            if index < examples_per_set:
                judged.examples.append((name, image, ours))
            done += 1
            on_image(done, scores)
        judged.means[name] = mean_scores(list(judged.images[name].values()))
    return judged


def mean_scores(scores: Sequence[Scores]) -> Scores:
    """The mean of every figure, those of ``bicubic`` under that name again."""
    return {
        key: mean_scores([s[key] for s in scores])
        if isinstance(value, dict)
        else float(np.mean([s[key] for s in scores]))
        for key, value in scores[0].items()
    }
