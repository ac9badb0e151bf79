"""The photographs in scikit-image: real images without a download."""

from collections.abc import Iterator

import skimage.data

from qnas.core.components import Dataset, ImageSizes, SourceImage

_SIZES = {  # height and width
    "astronaut": (512, 512),
    "chelsea": (300, 451),
    "coffee": (400, 600),
    "rocket": (427, 640),
    "motorcycle_left": (500, 741),
}


class Photos(Dataset):
    """Five colour photographs that come with scikit-image."""

    def images(self, scale: int) -> Iterator[SourceImage]:
        """See :meth:`qnas.Dataset.images`."""
        del scale
        for name in _SIZES:
            # stereo_motorcycle would read the right view and the disparity map as well
            photo = skimage.data.stereo_motorcycle()[0] if name == "motorcycle_left" else getattr(skimage.data, name)()
            yield SourceImage(name, photo)

    def sizes(self, scale: int) -> Iterator[ImageSizes]:
        """See :meth:`qnas.Dataset.sizes`."""
        del scale
        return (ImageSizes(name, size) for name, size in _SIZES.items())

    def count(self) -> int:
        """See :meth:`qnas.Dataset.count`."""
        return len(_SIZES)
