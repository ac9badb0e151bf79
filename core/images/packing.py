"""Packing images: several are decoded at a time, each into a part of its own, and the parts are joined at the end."""

import hashlib
import shutil
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from pathlib import Path

from qnas.core.components import Degradation, ImageSource, SourceImage
from qnas.core.errors import InputError, first_line, is_out_of_memory
from qnas.core.files.atomic import clear_asides, sync_folder
from qnas.core.images.pack import HR, VERSION, Pack, new_pack
from qnas.core.images.pairs import pair
from qnas.core.images.threads import in_threads


@dataclass(frozen=True)
class Packing:
    """Which images to pack, and where.

    Attributes:
        sources: The images, with unique names.
        out: The pack.
        scales: The scales of its LR images, which come with the HR images or are made from them.
        degradation: How LR images are made.
    """

    sources: Sequence[ImageSource]
    out: Path
    scales: tuple[int, ...]
    degradation: Degradation

    @property
    def parts(self) -> Path:
        """The folder with a pack for each finished image, from which another attempt continues."""
        return self.out.with_name(f"{self.out.name}.partial")

    def part(self, source: ImageSource) -> Path:
        """The pack of one image."""
        key = repr((VERSION, source.name, source.fingerprint, self.scales, self.degradation.label))
        return self.parts / f"{hashlib.sha256(key.encode(errors='surrogateescape')).hexdigest()[:32]}.h5"

    def done(self) -> int:
        """The number of images that are done already."""
        return sum(self.part(source).exists() for source in self.sources)

    def decode(self, jobs: int, report: Callable[[int], object]) -> dict[str, str]:
        """Decode the remaining images, and return why some can't be packed, by name.

        Args:
            jobs: Number of images at a time.
            report: Called with the number of images done.

        Raises:
            OSError: A part can't be written.
        """
        clear_asides(self.parts.glob(".*"))  # of another attempt that was killed while writing
        problems = in_threads(self._decode, self.sources, jobs, report)
        return {source.name: said for source, said in zip(self.sources, problems, strict=True) if said}

    def _decode(self, source: ImageSource) -> str:
        """Why an image can't be packed, or ``""`` once it is done."""
        part = self.part(source)
        if part.exists() and _is_whole(part):
            return ""
        try:
            hr = source.hr()
            given = {scale: source.lr[scale]() for scale in self.scales if scale in source.lr}
            whole = {s: SourceImage(source.name, hr, given.get(s)) for s in self.scales}
            lr = {scale: pair(image, scale, self.degradation).lr for scale, image in whole.items()}
        except InputError as error:
            return str(error)
        except Exception as error:  # a damaged file may raise anything, and only costs its own image
            said = "it needs more memory than there is" if is_out_of_memory(error) else first_line(error)
            return f"{source.name}: {said}"
        with new_pack(part, self.scales, self.degradation.label) as pack:
            pack.add(source.name, {HR: hr, **lr})
        return ""

    def join(self, without: Container[str], report: Callable[[int], object]) -> None:
        """Join the parts into one pack, in the order of the images, and remove them.

        Args:
            without: Names of images to leave out.
            report: Called with the number of images done.

        Raises:
            OSError: The pack can't be written; the parts are kept.
        """
        joined = self.parts / "joined"  # if this is killed, it is removed with the parts
        with new_pack(joined, self.scales, self.degradation.label) as pack:
            for done, source in enumerate(self.sources, 1):
                if source.name not in without:
                    pack.add(source.name, Pack(self.part(source)).images(0))
                report(done)
        joined.replace(self.out)
        sync_folder(self.out.parent)  # before the parts go
        shutil.rmtree(self.parts)


def _is_whole(part: Path) -> bool:
    try:
        return bool(Pack(part).images(0))
    except InputError:  # the machine went down before it reached the disk
        return False
