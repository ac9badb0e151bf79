"""A degradation like a camera's: blur, reduction, noise and JPEG."""

import hashlib
import io
from typing import Annotated

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydantic import AfterValidator, Field
from scipy.ndimage import gaussian_filter

from qnas.core.components import Degradation, Pixels
from qnas.core.images.resample import imresize
from qnas.core.settings import Seed


def _ascending(bounds: tuple[float, float]) -> tuple[float, float]:
    if bounds[0] > bounds[1]:
        raise ValueError(f"must be the smallest value and then the largest (got {bounds[0]:g}, {bounds[1]:g})")
    return bounds


_Sigma = Annotated[float, Field(ge=0, le=10)]
_Level = Annotated[float, Field(ge=0, le=100)]
_Quality = Annotated[int, Field(ge=1, le=100)]


class Camera(Degradation):
    """Blur, bicubic reduction, noise and JPEG, with strengths drawn from ranges for each image.

    The order is that of the first stage of Real-ESRGAN (Wang et al. 2021, arXiv 2107.10833).

    Note:
        Simpler than in the paper: the blur is isotropic and Gaussian, the noise is Gaussian and independent in each
        colour, and there is one stage. Versions of Pillow, which encodes the JPEG, may differ in the last bit.

    Attributes:
        blur: Smallest and largest standard deviation of the Gaussian blur, in pixels of the HR image; 0 is none.
        noise: Smallest and largest standard deviation of the noise, in levels of 255; 0 is none.
        jpeg: Lowest and highest quality of JPEG, 1 to 100, or null for none.
        seed: Seed of all draws, together with the name of the image.
    """

    blur: Annotated[tuple[_Sigma, _Sigma], AfterValidator(_ascending)] = (0.2, 1.5)
    noise: Annotated[tuple[_Level, _Level], AfterValidator(_ascending)] = (1.0, 15.0)
    jpeg: Annotated[tuple[_Quality, _Quality], AfterValidator(_ascending)] | None = (60, 95)
    seed: Seed = 0

    def degrade(self, hr: Pixels, size: tuple[int, int], name: str) -> Pixels:
        """See :meth:`qnas.Degradation.degrade`."""
        random = self._random(name)
        blurred = _blurred(hr, random.uniform(*self.blur))
        reduced = blurred if blurred.shape[:2] == size else imresize(blurred, size)
        noisy = _noisy(reduced, random.uniform(*self.noise), random)
        return noisy if self.jpeg is None else _compressed(noisy, int(random.integers(self.jpeg[0], self.jpeg[1] + 1)))

    def _random(self, name: str) -> np.random.Generator:
        """The random generator of an image, which does not depend on the order in which images are made."""
        digest = hashlib.sha256(name.encode(errors="surrogateescape")).digest()
        return np.random.default_rng((self.seed, int.from_bytes(digest[:8], "big")))


def _rounded(pixels: npt.NDArray[np.float32]) -> Pixels:
    return pixels.round().clip(0, 255).astype(np.uint8)


def _blurred(pixels: Pixels, sigma: float) -> Pixels:
    return _rounded(gaussian_filter(pixels.astype(np.float32), (sigma, sigma, 0), mode="reflect"))


def _noisy(pixels: Pixels, deviation: float, random: np.random.Generator) -> Pixels:
    noise = random.standard_normal(pixels.shape, dtype=np.float32)
    return _rounded(pixels.astype(np.float32) + np.float32(deviation) * noise)


def _compressed(pixels: Pixels, quality: int) -> Pixels:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))
