"""What is wrong with data sets, and what is worth knowing about them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from qnas.core.components import Dataset, ImageSizes
from qnas.core.errors import InputError
from qnas.core.images.checking.inspection import Facts, look_at, misplaced, nearly_same, same
from qnas.core.images.size_rules import fitted, refuse_under_patch, refuse_unjudgeable
from qnas.core.images.threads import in_threads

SCALES = (2, 3, 4, 8)
_NAMED = 10  # in one line
_LINES = 50  # of one kind


@dataclass(frozen=True)
class Inspected:
    """An inspected data set.

    Attributes:
        title: Its name in messages.
        is_test: Whether it is a test set.
        images: The images that can be read.
        unreadable: Why the others can't.
        unpaired: Why its LR images can't be used, or ``""``.
    """

    title: str
    is_test: bool
    images: list[Facts]
    unreadable: list[str]
    unpaired: str = ""


def inspect(
    title: str, dataset: Dataset, scale: int, *, is_test: bool, jobs: int, report: Callable[[int], object]
) -> Inspected:
    """Inspect all images of a data set.

    Args:
        title: Its name in messages.
        dataset: A data set whose images can be read one by one.
        scale: The factor of super-resolution; LR images of other scales are inspected too.
        is_test: Whether it is a test set.
        jobs: Number of images at a time.
        report: Called with the number of images done.

    Raises:
        InputError: There are no images.
    """
    unpaired = ""
    try:
        dataset.sources((scale,))  # which may refuse a scale
        sources = dataset.sources(sorted({*SCALES, scale}))
    except InputError as error:
        sources, unpaired = dataset.sources(()), str(error)
    looks = in_threads(look_at, sources, jobs, report)
    images = [look for look in looks if isinstance(look, Facts)]
    return Inspected(title, is_test, images, [look for look in looks if isinstance(look, str)], unpaired)


@dataclass(frozen=True)
class Findings:
    """What to say about data sets that are used together.

    Attributes:
        sets: The data sets.
        scale: The factor of super-resolution.
        patch: Height and width of the LR patches to train on, or None if not known.
    """

    sets: Sequence[Inspected]
    scale: int
    patch: int | None = None

    def errors(self) -> Iterator[str]:
        """What a run would refuse, or what would make it worthless."""
        for of in self.sets:
            yield from of.unreadable
            yield from filter(None, [of.unpaired])
            yield from (misfit for image in of.images for misfit in image.misfits)
            yield from _few(list(self._too_small(of)))
            yield from _few([f"{of.images[place].name}: its LR image {what}" for place, what in misplaced(of.images)])
        for one, other in self._pairs(same):
            if self._is_leak(one, other):
                yield f"the test image {self._named(other)} is also a training image: {self._named(one)}"

    def remarks(self) -> Iterator[str]:
        """What to take a look at."""
        copies = [pair for pair in self._pairs(same) if not self._is_leak(*pair)]
        yield from _few([f"the same pixels: {self._named(one)} and {self._named(other)}" for one, other in copies])
        near = sorted(self._pairs(nearly_same), key=lambda pair: not self._is_leak(*pair))
        yield from _few([f"{self._near(*pair)}: {self._named(pair[0])} and {self._named(pair[1])}" for pair in near])
        for of in self.sets:
            yield from _about(of, "nearly flat", [image for image in of.images if image.is_flat])
            yield from _about(
                of, "with transparency, which is ignored", [image for image in of.images if _is_transparent(image)]
            )

    def _too_small(self, of: Inspected) -> Iterator[str]:
        for image in of.images:
            try:
                sizes = fitted(ImageSizes(image.name, (image.height, image.width)), self.scale)
                if of.is_test:
                    refuse_unjudgeable(sizes)
                elif self.patch:
                    refuse_under_patch(sizes, self.patch)
            except InputError as error:
                yield str(error)

    @cached_property
    def _all(self) -> list[tuple[Inspected, Facts]]:
        return [(of, image) for of in sorted(self.sets, key=lambda of: of.is_test) for image in of.images]

    def _pairs(self, equal: Callable[[list[Facts]], Iterator[tuple[int, int]]]) -> Iterator[tuple[int, int]]:
        """The places of equal images, training images first; two test sets may share images."""
        for one, other in equal([image for _, image in self._all]):
            first, second = self._all[one][0], self._all[other][0]
            if first is second or not first.is_test:
                yield one, other

    def _is_leak(self, one: int, other: int) -> bool:
        return self._all[one][0].is_test != self._all[other][0].is_test

    def _near(self, one: int, other: int) -> str:
        return "nearly the same, in training and test" if self._is_leak(one, other) else "nearly the same"

    def _named(self, place: int) -> str:
        of, image = self._all[place]
        return f"{of.title}/{image.name}" if len(self.sets) > 1 else image.name


def _about(of: Inspected, what: str, images: Sequence[Facts]) -> Iterator[str]:
    if images:
        names = ", ".join(image.name for image in images[:_NAMED])
        more = f" and {len(images) - _NAMED} more" if len(images) > _NAMED else ""
        yield f"{of.title}: {len(images)} image{'s' * (len(images) != 1)} {what}: {names}{more}"


def _few(lines: list[str]) -> list[str]:
    return lines if len(lines) <= _LINES else [*lines[:_LINES], f"{len(lines) - _LINES} more like that"]


def _is_transparent(image: Facts) -> bool:
    return image.mode in {"RGBA", "LA", "PA", "RGBa", "La"}
