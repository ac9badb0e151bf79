"""Random patches of image pairs, as batches of tensors."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import torch
from torch import Tensor

from qnas.core.components import Pixels
from qnas.core.images.pairs import ImagePair
from qnas.core.images.settings import Augment

_PIXEL: Final = np.dtype("V3")
_WAYS: Final[Mapping[Augment, int]] = {False: 1, "flips": 4, True: 8}


class Batch(NamedTuple):
    """Patches in 0..1: ``lr`` (N, 3, P, P) and ``hr`` (N, 3, P * scale, P * scale)."""

    lr: Tensor
    hr: Tensor

    def parts(self, number: int) -> list["Batch"]:
        """The batch in ``number`` parts, as equal as can be; fewer if it has fewer patches."""
        return list(map(Batch, self.lr.tensor_split(number), self.hr.tensor_split(number)))[: len(self.lr)]


class PatchSampler:
    """Draws batches of random patches, flipped and rotated at random.

    A batch depends only on the seed and on its number, not on the batches drawn before it.

    Args:
        pairs: The images.
        scale: The factor between the resolutions.
        patch: Height and width of an LR patch.
        batch: Patches in a batch.
        augment: Whether to flip and rotate; ``flips`` leaves out the rotations.
        seed: Decides every draw: a number, or several, such as the run's seed and the number of a stream.
        device: The device of the batches.

    Attributes:
        position: The number of the next batch, from 0; it may be set.
        patch: Height and width of the LR patches of the next batch; it may be set, up to the smallest image's.
    """

    def __init__(
        self,
        pairs: Sequence[ImagePair],
        scale: int,
        patch: int,
        batch: int,
        *,
        augment: Augment,
        seed: int | tuple[int, ...],
        device: torch.device,
    ) -> None:
        self.pairs = list(pairs)
        self.scale = scale
        self.patch = patch
        self.batch = batch
        self.augment = augment
        self.device = device
        self.position = 0
        self._seed = (seed,) if isinstance(seed, int) else seed
        self._sizes = np.array([pair.lr.shape[:2] for pair in self.pairs])  # (images, 2)

    def draw(self) -> Batch:
        """The next batch."""
        random = np.random.default_rng((*self._seed, self.position))
        images = random.integers(len(self.pairs), size=self.batch)
        corners = random.integers(self._sizes[images] - self.patch + 1)  # (N, 2)
        turns = random.integers(_WAYS[self.augment], size=self.batch)
        lr = np.empty((self.batch, self.patch, self.patch, 3), dtype=np.uint8)
        hr = np.empty((self.batch, self.patch * self.scale, self.patch * self.scale, 3), dtype=np.uint8)
        drawn = zip(lr, hr, images.tolist(), corners.tolist(), turns.tolist(), strict=True)
        for lr_patch, hr_patch, image, (top, left), turn in drawn:
            _fill(lr_patch, self.pairs[image].lr, top, left, turn)
            _fill(hr_patch, self.pairs[image].hr, top * self.scale, left * self.scale, turn)
        self.position += 1
        return Batch(to_tensor(lr, self.device), to_tensor(hr, self.device))


def _fill(patch: Pixels, image: Pixels, top: int, left: int, turn: int) -> None:
    """Fill ``patch`` from a place in ``image``, flipped and rotated in one of the 8 ways of a square."""
    size = len(patch)
    crop = image[top : top + size, left : left + size]
    if turn & 1:
        crop = crop[::-1]
    if turn & 6:  # moving whole pixels takes a third of the time of moving their colours one by one
        crop, patch = np.ascontiguousarray(crop).view(_PIXEL)[..., 0], patch.view(_PIXEL)[..., 0]
    if turn & 2:
        crop = crop[:, ::-1]
    if turn & 4:
        crop = crop.swapaxes(0, 1)
    patch[...] = crop


def to_tensor(images: Pixels, device: torch.device) -> Tensor:
    """(N, H, W, 3) uint8 to (N, 3, H, W) float in 0..1, channels last in memory."""
    return torch.tensor(images).to(device).permute(0, 3, 1, 2).float().div_(255)
