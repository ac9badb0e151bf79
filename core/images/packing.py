"""Packing images: decoded once, many at a time, kept one by one until all are there, then joined."""

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
    """What is to be packed, and where to.

    Attributes:
        sources: The images, under names that are unique.
        out: The pack.
        scales: Of which it gets LR images: those that came with the HR images, or made from them.
        degradation: How they are made.
    """

    sources: Sequence[ImageSource]
    out: Path
    scales: tuple[int, ...]
    degradation: Degradation

    @property
    def parts(self) -> Path:
        """The folder with a pack of each image that is done, which another try goes on from."""
        return self.out.with_name(f"{self.out.name}.partial")

    def part(self, source: ImageSource) -> Path:
        """Where one image is kept."""
        key = repr((VERSION, source.name, source.fingerprint, self.scales, self.degradation.label))
        return self.parts / f"{hashlib.sha256(key.encode(errors='surrogateescape')).hexdigest()[:32]}.h5"

    def done(self) -> int:
        """How many images are done already."""
        return sum(self.part(source).exists() for source in self.sources)

    def decode(self, jobs: int, report: Callable[[int], object]) -> dict[str, str]:
        """Do what is not done, and return what is wrong with the images that can't be packed, by name.

        Args:
            jobs: How many images at a time.
            report: Called with how many are done.

        Raises:
            OSError: They can't be written.
        """
        clear_asides(self.parts.glob(".*"))  # of another try that was ended while it wrote
        problems = in_threads(self._decode, self.sources, jobs, report)
        return {source.name: said for source, said in zip(self.sources, problems, strict=True) if said}

    def _decode(self, source: ImageSource) -> str:
        """What is wrong with an image, or ``""`` if it is done."""
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
        except Exception as error:  # of one image, whatever a damaged file raises
            said = "it takes more memory than there is" if is_out_of_memory(error) else first_line(error)
            return f"{source.name}: {said}"
        with new_pack(part, self.scales, self.degradation.label) as pack:
            pack.add(source.name, {HR: hr, **lr})
        return ""

    def join(self, without: Container[str], report: Callable[[int], object]) -> None:
        """Put the parts into one pack, in the order of the images, and remove them.

        Args:
            without: Names of images that are left out.
            report: Called with how many are done.

        Raises:
            OSError: It can't be written; the parts are kept.
        """
        joined = self.parts / "joined"  # what is left of it when this is ended goes with the parts
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
    except InputError:  # the machine went down before it was on the disk
        return False
