"""The images of a pack, the single file that ``qnas data pack`` makes from folders."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from qnas.core.components import Dataset, ImageSizes, ImageSource, SourceImage
from qnas.core.images.pack import HR, Pack


class PackFile(Dataset):
    """The images of a file made by ``qnas data pack``: already decoded, and read patch by patch from the disk.

    Attributes:
        path: The file. A relative path starts from the current folder.
    """

    path: Path

    def count(self) -> int:
        """See :meth:`qnas.Dataset.count`."""
        return len(Pack(self.path))

    def fingerprint(self) -> str:
        """The digest of the pixels, from the pack's index."""
        return Pack(self.path).digest

    def stored_in(self) -> Path:
        """See :meth:`qnas.Dataset.stored_in`."""
        return self.path

    def sizes(self, scale: int) -> list[ImageSizes]:
        """See :meth:`qnas.Dataset.sizes`."""
        return Pack(self.path).sizes(scale)

    def images(self, scale: int) -> Iterator[SourceImage]:
        """See :meth:`qnas.Dataset.images`."""
        Pack(self.path).refuse_missing(scale)
        return (source.read(scale) for source in self.sources([scale]))

    def sources(self, scales: Sequence[int]) -> list[ImageSource]:
        """See :meth:`qnas.Dataset.sources`."""
        pack = Pack(self.path)
        return [
            ImageSource(
                name,
                partial(pack.pixels, index, HR),
                {scale: partial(pack.pixels, index, scale) for scale in scales if scale in pack.scales},
                f"{pack.digest} {index}",
            )
            for index, name in enumerate(pack.names)
        ]
