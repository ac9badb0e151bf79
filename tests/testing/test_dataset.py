"""The contract of data sets: those of ours that read files meet it, and each way to break it is reported."""

import functools
import itertools
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

from qnas.core.components import Dataset, ImageSizes, ImageSource, SourceImage
from qnas.core.errors import InputError
from qnas.testing import check_dataset


class Noise(Dataset):
    """Meets the contract; most others break one thing."""

    amount: int = 4

    def images(self, scale):
        for index in range(self.amount):
            pixels = np.random.default_rng(index).integers(0, 256, (24, 36, 3), dtype=np.uint8)
            yield self.changed(SourceImage(f"noise-{index}", pixels), index, scale)

    def count(self):
        return self.amount

    def changed(self, image, index, scale):
        return image


class Pairs(Noise):
    """Meets the contract, at scale 3 only."""

    def changed(self, image, index, scale):
        return image._replace(lr=np.ascontiguousarray(image.hr[::3, ::3]))


class Singly(Noise):
    """Meets the contract; each image can be read by itself."""

    def sources(self, scales):
        names = [f"noise-{index}" for index in range(self.amount)]
        return [ImageSource(name, functools.partial(self.read, index)) for index, name in enumerate(names)]

    def read(self, index):
        return next(itertools.islice(self.images(2), index, None)).hr


class Backwards(Singly):
    def sources(self, scales):
        return super().sources(scales)[::-1]


class Elsewhere(Singly):
    def read(self, index):
        return super().read(0)


class Uncounted(Noise):
    def count(self):
        return self.amount + 1


class Inexact(Noise):
    def count(self):
        return float(self.amount)


class Empty(Noise):
    amount: int = 0


class Alike(Noise):
    def changed(self, image, index, scale):
        return image._replace(name="noise")


class Nameless(Noise):
    def changed(self, image, index, scale):
        return image._replace(name="")


class Gray(Noise):
    def changed(self, image, index, scale):
        return image._replace(hr=image.hr[..., 0])


class Floating(Noise):
    def changed(self, image, index, scale):
        return image._replace(hr=image.hr / 255)


class Pictures(Noise):
    def changed(self, image, index, scale):
        return image._replace(hr=Image.fromarray(image.hr))


class Tuples(Noise):
    def changed(self, image, index, scale):
        return tuple(image)


class Misfit(Noise):
    def changed(self, image, index, scale):
        return image._replace(lr=image.hr[: 12 - index, :18].copy())


class MisfitAtThree(Noise):
    def changed(self, image, index, scale):
        rows = 24 // scale - (scale == 3 and index == 1)
        return image._replace(lr=image.hr[:rows, : 36 // scale].copy())


class Longer(Noise):
    def count(self):
        return self.amount - 1


class DeepLr(Noise):
    def changed(self, image, index, scale):
        return image._replace(lr=image.hr[::scale, ::scale].astype(np.uint16))


class NoPixels(Noise):
    def changed(self, image, index, scale):
        return image._replace(hr=image.hr[:0])


class Sized(Noise):
    """Meets the contract, and says how large its images are."""

    def sizes(self, scale):
        return [ImageSizes(f"noise-{index}", (24, 36)) for index in range(self.amount)]


class Missized(Sized):
    def sizes(self, scale):
        return [*super().sizes(scale)[:-1], ImageSizes("noise-3", (36, 24))]


class SizedInPart(Sized):
    def sizes(self, scale):
        return super().sizes(scale)[1:]


class Refusing(Noise):
    def images(self, scale):
        raise InputError(f"there is nothing at scale {scale}")


class Crashing(Noise):
    def images(self, scale):
        raise RuntimeError("the disk is full")


class Shuffled(Noise):
    calls: ClassVar = itertools.count()

    def images(self, scale):
        images = list(super().images(scale))
        return iter(images if next(self.calls) % 2 else images[::-1])


class Flickering(Noise):
    calls: ClassVar = itertools.count()

    def changed(self, image, index, scale):
        return image._replace(hr=image.hr ^ np.uint8(next(self.calls) % 2)) if index == 2 else image


class Dated(Noise):
    calls: ClassVar = itertools.count()

    def fingerprint(self):
        return f"{next(self.calls)}"


class Printless(Noise):
    def fingerprint(self):
        return ""


class Hashed(Noise):
    def fingerprint(self):
        return hash(self)


@pytest.mark.parametrize("component", [Noise, Pairs, Singly, Sized])
def test_one_that_keeps_it_passes(registered, component):
    check_dataset(registered(component))


@pytest.mark.parametrize("paired", [False, True], ids=["HR alone", "pairs at scale 4"])
def test_a_folder_keeps_it(tmp_path, paired):
    for folder, side in (("hr", 32), ("lr", 8)):
        (tmp_path / folder).mkdir()
        for name in "abc":
            Image.effect_noise((side, side), 50).convert("RGB").save(tmp_path / folder / f"{name}.png")
    check_dataset(
        {"name": "folder", "path": str(tmp_path / "hr"), **({"lr_path": str(tmp_path / "lr")} if paired else {})}
    )


@pytest.mark.parametrize(
    ("component", "message"),
    [
        (Uncounted, "^the dataset 'uncounted': at scale 2: the data set 'uncounted' counts 5 images and yields 4$"),
        (Inexact, r"counts 4.0 images: must be a whole number \(int\)"),
        (Empty, "the data set 'empty' has no images"),
        (Alike, "two images are named 'noise'"),
        (Nameless, "names an image '': must be non-empty text without NUL"),
        (Gray, r"noise-0 of the data set 'gray' is \(24, 36\) uint8: must be \(H, W, 3\) uint8"),
        (Floating, r"noise-0 of the data set 'floating' is \(24, 36, 3\) float64: must be \(H, W, 3\) uint8"),
        (Pictures, "noise-0 of the data set 'pictures' is an Image: must be a NumPy array"),
        (Tuples, "yields a tuple: must be a SourceImage"),
        (Misfit, "at scale 2: an image does not fit: noise-1: LR is 18 x 11, HR is 36 x 24"),
        (MisfitAtThree, "at scale 3: an image does not fit: noise-1: LR is 12 x 7"),
        (Longer, "^the dataset 'longer': at scale 2: the data set 'longer' counts 3 images and yields more$"),
        (DeepLr, r"the LR image of noise-0 of the data set 'deeplr' is \(12, 18, 3\) uint16: must be"),
        (NoPixels, r"noise-0 of the data set 'nopixels' has no pixels: it is \(0, 36, 3\)"),
        (Missized, r"it states ImageSizes\(name='noise-3', hr=\(36, 24\), lr=None\) for an image that has"),
        (SizedInPart, "it states the sizes of 3 images but has 4"),
        (Refusing, "it refuses every scale; 2: there is nothing at scale 2"),
        (Crashing, "RuntimeError: the disk is full"),
        (Shuffled, "its images, or their order, change from call to call"),
        (Flickering, "the pixels of its image 'noise-2' change from call to call"),
        (Backwards, "its sources, or their order, differ from its images"),
        (Elsewhere, "its image 'noise-1' has different pixels when it is read from its source"),
        (Dated, "its fingerprint changes from call to call"),
        (Printless, "its fingerprint is empty"),
        (Hashed, r"the fingerprint of the data set 'hashed' is -?\d+: must be text"),
    ],
)
def test_what_breaks_it_is_told(registered, component, message):
    with pytest.raises(AssertionError, match=message):
        check_dataset(registered(component))
