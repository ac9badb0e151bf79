"""Pairs LR images with HR images by their names."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

from qnas.core.errors import InputError
from qnas.plugins.datasets.listing import some
from qnas.plugins.datasets.naming import alike, read_stem, without_word


def pair_by_name(hr_files: Sequence[Path], lr_files: Sequence[Path], scale: int, where: Path) -> list[Path]:
    """The LR file of each HR file: ``NAME.*`` or ``NAMExSCALE.*``.

    If that does not pair all of them, case is ignored, and so are the parts of a name that stand for HR, LR or the
    scale: ``img_HR.png`` and ``IMG_LR_x4.png`` belong together.

    Args:
        hr_files: Paths relative to the HR folder.
        lr_files: Paths relative to the LR folder.
        scale: The factor between them.
        where: The LR folder.

    Raises:
        InputError: A file is missing, exists twice, or is left over.
    """
    match = _exactly(hr_files, lr_files, scale)
    if match.faults:
        ways = product((_bare, _without_word), (_bare, _without_word))
        freely = [
            _match(hr_files, lr_files, partial(hr_name, scale), partial(lr_name, scale)) for hr_name, lr_name in ways
        ]
        match = min([match, *freely], key=lambda match: match.faults)
    if lines := match.complaints():
        raise InputError("; ".join(lines), str(where))
    return [match.by_name[name] for name in match.names]


@dataclass(frozen=True)
class _Match:
    """HR and LR files with the names to compare.

    Attributes:
        hr_files: The HR files.
        names: The name of each HR file.
        by_name: The LR files; if several share a name, the last.
        twice: Names that LR files share, each with two of the files.
    """

    hr_files: Sequence[Path]
    names: Sequence[str]
    by_name: dict[str, Path]
    twice: Sequence[tuple[str, Path, Path]]

    @property
    def missing(self) -> list[Path]:
        """The HR files without an LR file."""
        return [file for file, name in zip(self.hr_files, self.names, strict=True) if name not in self.by_name]

    @property
    def left_over(self) -> list[Path]:
        """The LR files without an HR file."""
        return sorted(self.by_name[name] for name in set(self.by_name) - set(self.names))

    @property
    def shared(self) -> list[Path]:
        """The LR files that belong to several HR files."""
        return sorted(self.by_name[name] for name, n in Counter(self.names).items() if n > 1 and name in self.by_name)

    @property
    def faults(self) -> int:
        """The number of files without a unique partner."""
        return sum(map(len, (self.missing, self.left_over, self.shared, self.twice)))

    def complaints(self) -> list[str]:
        """Messages about files without a unique partner."""
        if self.twice:
            name, one, other = self.twice[0]
            return [f"two LR images for '{name}': {one} and {other}"]
        if shared := self.shared:
            return [f"several HR images for the LR image {some(shared)}"]
        sides = (("LR", self.missing), ("HR", self.left_over))
        return [f"no {kind} image for {some(files)}" for kind, files in sides if files]


def _exactly(hr_files: Sequence[Path], lr_files: Sequence[Path], scale: int) -> _Match:
    """The match of exact names, without the scale of an LR image."""
    suffix = f"x{scale}"
    lr_names = {_stem(file).removesuffix(suffix) for file in lr_files}

    def hr_name(file: Path) -> str:
        return stem if (stem := _stem(file)) in lr_names else stem.removesuffix(suffix)

    return _match(hr_files, lr_files, hr_name, lambda file: _stem(file).removesuffix(suffix))


def _match(
    hr_files: Sequence[Path], lr_files: Sequence[Path], hr_name: Callable[[Path], str], lr_name: Callable[[Path], str]
) -> _Match:
    by_name: dict[str, Path] = {}
    twice = []
    for file in lr_files:
        name = lr_name(file)
        if name in by_name:
            twice.append((name, by_name[name], file))
        by_name[name] = file
    return _Match(hr_files, [hr_name(file) for file in hr_files], by_name, twice)


def _stem(file: Path) -> str:
    return file.with_suffix("").as_posix()


def _bare(scale: int, file: Path) -> str:
    """The path without the words for HR, LR or this scale in the file's name."""
    reading = read_stem(file.stem)
    return _inside(file, reading.base if reading.scale in (None, scale) else without_word(file.stem))


def _without_word(_: int, file: Path) -> str:
    """The path without the word for HR or LR in the file's name; keeps what looks like a scale."""
    return _inside(file, without_word(file.stem))


def _inside(file: Path, name: str) -> str:
    return f"{alike(file.parent.as_posix())}/{name}"
