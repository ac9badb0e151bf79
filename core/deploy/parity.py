"""Parity: whether a file gives the images that were judged, value by value."""

import contextlib
import copy
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from qnas.core.components import Pixels, Runtime
from qnas.core.deploy.loaded import LoadedFile
from qnas.core.errors import QnasError
from qnas.core.images.metrics import psnr_y
from qnas.core.images.pairs import ImagePair
from qnas.core.network import QuantizedActivation
from qnas.core.network.probing.smallest import refusal
from qnas.core.settings.lr_sizes import Size
from qnas.core.upscale.enlarging import as_pixels, enlarged_levels

EQUAL = 0.999
"""The share of 8-bit values that must be equal, near ties left aside, unless rounding alone changes half as many."""
LARGEST = 1
"""How many levels of 255 a value may be off by, unless rounding alone moves one half as far."""
PSNR = 0.01
"""How many dB the mean PSNR on Y of a test set may differ by."""
_NEAR = 0.01  # levels
_TRIES = 3
_MOST_PARTS = 16
"""Of an image, for a file of one size."""
_ERROR = 2.0**-22  # of the largest value: two units of the last place of float32
_CPU = torch.device("cpu")
Sets = Mapping[str, Iterable[ImagePair]]


@dataclass
class Differences:
    """How two networks' 8-bit values differ.

    Attributes:
        values: How many there are.
        differing: How many of them differ.
        near_ties: How many of these lie within a hundredth of a level of each other before they are rounded.
        largest: The largest difference, in levels of 255.
    """

    values: int = 0
    differing: int = 0
    near_ties: int = 0
    largest: int = 0

    def add(self, ours: Tensor, theirs: Tensor) -> None:
        """Count those of one image, (3, H, W) in levels."""
        levels = (ours.round().clamp(0, 255) - theirs.round().clamp(0, 255)).abs()
        differ = levels > 0
        self.values += levels.numel()
        self.differing += int(differ.sum())
        self.near_ties += int((differ & ((ours - theirs).abs() < _NEAR)).sum())
        self.largest = max(self.largest, int(levels.max()))

    @property
    def equal(self) -> float:
        """The share of values that are equal, 0 to 1."""
        return 1 - self.differing / self.values

    @property
    def apart(self) -> int:
        """How many differ by more than the rounding of a near tie."""
        return self.differing - self.near_ties


@dataclass
class Parity:
    """How a file compares with the network that was judged.

    Attributes:
        of_file: Between the network and the file.
        of_rounding: Between the network and itself with other rounding errors (see :func:`rounding_of`). It is None
            where nothing depends on it.
        psnr: Test set to mean PSNR on Y in dB, of the network and of the file.
    """

    of_file: Differences = field(default_factory=Differences)
    of_rounding: Differences | None = None
    psnr: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def is_close(self) -> bool:
        """Whether the file needs no excuse."""
        return self.of_file.equal >= EQUAL and self.of_file.largest <= LARGEST

    @property
    def is_proven(self) -> bool:
        """Whether the file gives the images that were judged, up to what float32 itself rounds."""
        return not self.failure()

    def failure(self) -> str:
        """What is not equal, or ``""``."""
        rounding = self.of_rounding or Differences(values=1)
        apart = {name: abs(ours - theirs) for name, (ours, theirs) in self.psnr.items()}
        worst = max(apart, key=lambda name: apart[name], default="")
        if worst and apart[worst] > PSNR:
            return f"the PSNR on {worst} differs by {apart[worst]:.3f} dB (at most {PSNR})"
        share = self.of_file.apart / self.of_file.values
        if share > 1 - EQUAL and self.of_file.apart > 2 * rounding.apart:
            return f"{share:.3%} of the values differ (at most {1 - EQUAL:.1%})"
        if self.of_file.largest > max(LARGEST, 2 * rounding.largest):
            return f"a value is off by {self.of_file.largest} of 255 levels (at most {LARGEST})"
        return ""

    def to_json(self) -> dict[str, Any]:
        """All of it as plain data."""
        told = {"of_file": self.of_file} | ({"of_rounding": self.of_rounding} if self.of_rounding else {})
        differences = {
            key: {
                "values": found.values,
                "differing": found.differing,
                "near_ties": found.near_ties,
                "equal": found.equal,
                "largest_in_levels": found.largest,
            }
            for key, found in told.items()
        }
        psnr = {name: {"network": ours, "file": theirs} for name, (ours, theirs) in self.psnr.items()}
        return {**differences, "psnr_y": psnr}


def compare(
    network: nn.Module,
    runtime: Runtime,
    sets: Sets,
    scale: int,
    size: Size | None = None,
    report: Callable[[int], object] = lambda _: None,
) -> Parity:
    """Hold a file against the network that it was written from.

    Args:
        network: The fake-quantized network on the CPU, in evaluation mode.
        runtime: The file, loaded.
        sets: Test sets. Of the first image of each, a part with odd sides is compared too.
        scale: The factor that they enlarge by.
        size: The size that the file takes, None for any. Then parts of that size are compared, up to about 16 of an
            image; smaller images are continued by their mirror image for that, and are not scored.
        report: Called with how many images are done.

    Raises:
        QnasError: The network or the file can't take an image.
    """
    parity, done = Parity(), 0
    for name, pairs in sets.items():
        scores = []
        for index, pair in enumerate(pairs):
            for part, hr in _parts(pair, scale, size, also_odd=index == 0):
                both = [_levels(run, part) for run in (network, LoadedFile(runtime))]
                parity.of_file.add(*both)
                if hr is not None:
                    scores.append([psnr_y(as_pixels(levels), hr, scale) for levels in both])
            done += 1
            report(done)
        if scores:
            ours_mean, theirs_mean = np.mean(scores, axis=0).tolist()
            parity.psnr[name] = (ours_mean, theirs_mean)
    if not parity.is_close:
        parity.of_rounding = rounding_of(network, sets, scale, size)
    return parity


def _levels(run: nn.Module, part: Pixels) -> Tensor:
    """What a network, or a file, makes of an image: (3, H, W) in levels of 255.

    Raises:
        QnasError: It can't take the image; the message says why.
    """
    try:
        return enlarged_levels(run, part, _CPU)
    except (QnasError, MemoryError):
        raise
    except Exception as error:  # a runtime raises whatever it likes
        raise QnasError(refusal(run, part.shape[:2], _CPU, error)) from error


def rounding_of(network: nn.Module, sets: Sets, scale: int, size: Size | None) -> Differences:
    """How much rounding alone changes: the most that the network differs from itself in a few tries with other errors.

    Runtimes add up in other orders than PyTorch, so that what a layer quantizes is off by a few units of the last place
    of its largest value. Where that crosses the border of two steps, the difference grows to a step, and spreads.
    """
    tries = []
    for seed in range(_TRIES):
        tries.append(tried := Differences())
        with _rounded_otherwise(other := copy.deepcopy(network), seed):
            for part in _all_parts(sets, scale, size):
                tried.add(*(enlarged_levels(run, part, _CPU) for run in (network, other)))
    most = max(tries, key=lambda differences: differences.apart)
    return replace(most, largest=max(tried.largest for tried in tries))


@contextlib.contextmanager
def _rounded_otherwise(network: nn.Module, seed: int) -> Iterator[None]:
    """A context in which what the network quantizes has errors as large as another order of summation leaves."""
    generator = torch.Generator().manual_seed(seed)

    def disturb(_: nn.Module, inputs: tuple[Tensor, ...]) -> Tensor:
        (features,) = inputs
        noise = torch.rand(features.shape, generator=generator).mul_(2).sub_(1)
        return features + noise * (_ERROR * features.abs().max())

    layers = [module for module in network.modules() if isinstance(module, QuantizedActivation)]
    with contextlib.ExitStack() as hooks:
        for layer in layers[1:]:  # the first one gets the image, which is the same everywhere
            hooks.callback(layer.register_forward_pre_hook(disturb).remove)
        yield


def _all_parts(sets: Sets, scale: int, size: Size | None) -> Iterator[Pixels]:
    for pairs in sets.values():
        for index, pair in enumerate(pairs):
            for part, _ in _parts(pair, scale, size, also_odd=index == 0):
                yield part


def _parts(pair: ImagePair, scale: int, size: Size | None, *, also_odd: bool) -> Iterator[tuple[Pixels, Pixels | None]]:
    """What of an image to compare, each with its HR image if it is to be scored."""
    lr, hr = pair.lr, pair.hr
    if size is None:
        yield lr, hr
        if also_odd:
            yield lr[: _odd(lr.shape[0]), : _odd(lr.shape[1])], None
    elif lr.shape[0] >= size[0] and lr.shape[1] >= size[1]:
        for top, left in _places(lr.shape, size):
            part, in_hr = (
                (slice(factor * top, factor * (top + size[0])), slice(factor * left, factor * (left + size[1])))
                for factor in (1, scale)
            )
            yield lr[part], hr[in_hr]
    else:
        missing = [(0, max(0, side - there)) for side, there in zip(size, lr.shape[:2], strict=True)]
        yield np.pad(lr, [*missing, (0, 0)], mode="symmetric")[: size[0], : size[1]], None


def _places(shape: tuple[int, ...], size: Size) -> Iterator[tuple[int, int]]:
    """Where parts of a size begin that lie side by side; the last of a row or column ends where the image does."""
    tops, lefts = (
        sorted({*range(0, there - side + 1, side), there - side}) for there, side in zip(shape[:2], size, strict=True)
    )
    every = max(1, len(tops) * len(lefts) // _MOST_PARTS)
    yield from itertools.islice(itertools.product(tops, lefts), 0, None, every)


def _odd(side: int) -> int:
    """The largest odd length below a side."""
    return max(1, side - 1 - side % 2)
