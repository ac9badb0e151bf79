"""The photographs inside scikit-image: real images that need no download."""

from collections.abc import Iterator

import skimage.data

from qnas.core.components import Dataset, SourceImage

_NAMES = ("astronaut", "chelsea", "coffee", "rocket", "motorcycle_left")


class Photos(Dataset):
    """Five colour photographs that come with scikit-image."""

    def images(self, scale: int) -> Iterator[SourceImage]:
        """See :meth:`qnas.Dataset.images`."""
        del scale
        for name in _NAMES:
            # stereo_motorcycle would read the right view and the disparity map as well
            photo = skimage.data.stereo_motorcycle()[0] if name == "motorcycle_left" else getattr(skimage.data, name)()
            yield SourceImage(name, photo)

    def count(self) -> int:
        """See :meth:`qnas.Dataset.count`."""
        return len(_NAMES)
