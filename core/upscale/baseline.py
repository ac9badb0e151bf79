"""Scores of bicubic enlargement, the baseline of every network, computed once per image and then cached."""

import contextlib
import hashlib
import json
import math
import os
from pathlib import Path
from typing import Final

from qnas.core.images.cache import cache_folder
from qnas.core.images.metrics import score
from qnas.core.images.pairs import ImagePair
from qnas.core.images.resample import imresize

_VERSION: Final = 1  # of the figures and of the way they are measured
_FIGURES: Final = {"psnr_y", "ssim_y", "psnr_rgb", "ssim_rgb"}


def bicubic_scores(image: ImagePair, scale: int) -> dict[str, float]:
    """The scores of ``image`` enlarged by MATLAB's bicubic, see :func:`qnas.core.images.metrics.score`.

    At scale 1, that leaves the image as it is: they are the scores of the degraded input.
    """
    file = cache_folder() / "bicubic" / f"{_digest(image, scale)}.json"
    cached = _read(file)
    if cached is not None:
        return cached
    scores = score(imresize(image.lr, image.hr.shape[:2]), image.hr, scale)
    with contextlib.suppress(OSError):  # without a writable cache, this only takes longer
        _write(file, scores)
    return scores


def _digest(image: ImagePair, scale: int) -> str:
    digest = hashlib.sha256(repr((_VERSION, scale, image.hr.shape, image.lr.shape)).encode())
    for pixels in (image.hr, image.lr):
        for row in pixels:  # only the rows of a crop are contiguous
            digest.update(row.tobytes())
    return digest.hexdigest()


def _read(file: Path) -> dict[str, float] | None:
    """The cached scores, or None if they are missing or damaged."""
    try:
        scores = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return None
    is_whole = isinstance(scores, dict) and set(scores) == _FIGURES
    return scores if is_whole and all(isinstance(v, float) and math.isfinite(v) for v in scores.values()) else None


def _write(file: Path, scores: dict[str, float]) -> None:
    """Write a file atomically, without waiting for the disk: a damaged one is replaced later."""
    file.parent.mkdir(parents=True, exist_ok=True)
    aside = file.with_name(f".{file.name}.{os.getpid()}")
    aside.write_text(json.dumps(scores))
    aside.replace(file)
