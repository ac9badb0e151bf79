"""Example crops to look at: LR, bicubic, ours and HR of the same place."""

import io
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from qnas.core.components import Pixels
from qnas.core.files.folder import RunFolder
from qnas.core.images.metrics import luma
from qnas.core.images.pairs import ImagePair
from qnas.core.images.resample import imresize
from qnas.core.run.names import EXAMPLE_KINDS, EXAMPLES, example

CROP = 96
_LONGEST_NAME = 120  # of a file, to which kind and suffix are added


def write_examples(folder: RunFolder, examples: Iterable[tuple[str, ImagePair, Pixels]]) -> None:
    """Write ``examples/NUMBER-SET-IMAGE-KIND.png`` for each, and ``examples/index.json`` that lists them."""
    index = []
    for number, (set_name, image, ours) in enumerate(examples):
        scale = image.hr.shape[0] // image.lr.shape[0]
        top, left, size = detailed_place(image.hr, CROP // scale * scale, scale)
        views = {
            "lr": image.lr[top // scale : (top + size) // scale, left // scale : (left + size) // scale],
            "bicubic": _crop(imresize(image.lr, image.hr.shape[:2]), top, left, size),
            "ours": _crop(ours, top, left, size),
            "hr": _crop(image.hr, top, left, size),
        }
        stem = re.sub(r"[^A-Za-z0-9_.-]", "_", f"{number:02d}-{set_name}-{Path(image.name).stem}")[:_LONGEST_NAME]
        for kind in EXAMPLE_KINDS:
            folder.write_bytes(example(stem, kind), _png(views[kind]))
        index.append({"set": set_name, "image": image.name, "stem": stem, "crop": [top, left, size]})
    folder.write_json(EXAMPLES, {"examples": index})


def detailed_place(image: Pixels, size: int, step: int) -> tuple[int, int, int]:
    """Top, left and size of the square with the most detail, on a grid of ``step`` pixels."""
    size = min(size, *(extent // step * step for extent in image.shape[:2]))
    y = luma(image)
    detail = np.pad(np.abs(np.diff(y, axis=0))[:, :-1] + np.abs(np.diff(y, axis=1))[:-1], ((1, 0), (1, 0)))
    # Square roots, so that one hard edge doesn't outweigh a fine texture.
    total = np.pad(np.sqrt(detail).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    stride = max(step, size // 8 // step * step)
    tops = range(0, y.shape[0] - size + 1, stride)
    lefts = range(0, y.shape[1] - size + 1, stride)
    sums = {
        (t, l): total[t + size, l + size] - total[t, l + size] - total[t + size, l] + total[t, l]
        for t in tops
        for l in lefts  # noqa: E741
    }
    top, left = max(sums, key=lambda place: float(sums[place]))
    return top, left, size


def _crop(image: Pixels, top: int, left: int, size: int) -> Pixels:
    return image[top : top + size, left : left + size]


def _png(image: Pixels) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(stream, "PNG", optimize=True)
    return stream.getvalue()
