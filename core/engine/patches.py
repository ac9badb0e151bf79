"""Random patches of image pairs, as batches of tensors."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from qnas.core.components import Pixels
from qnas.core.engine.images import ImagePair
from qnas.core.errors import InputError


class Batch(NamedTuple):
    """Patches in 0..1: ``lr`` (N, 3, P, P) and ``hr`` (N, 3, P * scale, P * scale)."""

    lr: Tensor
    hr: Tensor


class PatchSampler:
    """Draws batches of random patches, flipped and turned at random.

    Args:
        pairs: The images.
        scale: The factor between the resolutions.
        patch: Height and width of an LR patch.
        batch: Patches in a batch.
        augment: Whether to flip and turn.
        seed: Decides every draw; numbers that are independent of each other, such as the run's seed and a purpose.
        device: Where the batches go.
    """

    def __init__(
        self,
        pairs: Sequence[ImagePair],
        scale: int,
        patch: int,
        batch: int,
        *,
        augment: bool,
        seed: int | tuple[int, ...],
        device: torch.device,
    ) -> None:
        self.pairs = list(pairs)
        self.scale = scale
        self.patch = patch
        self.batch = batch
        self.augment = augment
        self.device = device
        self._random = np.random.default_rng(seed)

    def draw(self) -> Batch:
        """The next batch."""
        chosen = self._random.integers(len(self.pairs), size=self.batch)
        patches = [self._patch(self.pairs[index]) for index in chosen]
        lr, hr = (np.stack(side) for side in zip(*patches, strict=True))
        return Batch(to_tensor(lr, self.device), to_tensor(hr, self.device))

    def _patch(self, pair: ImagePair) -> tuple[Pixels, Pixels]:
        height, width, _ = pair.lr.shape
        top = int(self._random.integers(height - self.patch + 1))
        left = int(self._random.integers(width - self.patch + 1))
        lr, hr = _crop(pair.lr, top, left, self.patch), _crop(pair.hr, top, left, self.patch, self.scale)
        if self.augment:
            turns, flip = int(self._random.integers(4)), bool(self._random.integers(2))
            lr, hr = (np.rot90(side[:, ::-1] if flip else side, turns) for side in (lr, hr))
        return lr, hr


def _crop(image: Pixels, top: int, left: int, size: int, scale: int = 1) -> Pixels:
    return image[top * scale : (top + size) * scale, left * scale : (left + size) * scale]


def to_tensor(images: Pixels, device: torch.device) -> Tensor:
    """(N, H, W, 3) uint8 to (N, 3, H, W) float in 0..1, channels last in memory."""
    return torch.tensor(images).to(device).permute(0, 3, 1, 2).float().div_(255)


def check_size(pairs: Sequence[ImagePair], patch: int) -> None:
    """Refuse images that no patch fits into.

    Raises:
        InputError: It names the image.
    """
    for image in pairs:
        height, width, _ = image.lr.shape
        if min(height, width) < patch:
            raise InputError(
                f"its LR image is {width} x {height}, smaller than the patch of {patch}: lower data.patch"
                f" to at most {min(height, width)} or leave the image out",
                image.name,
            )
