"""LR images among HR images: pairs in one folder, and copies that only their sizes reveal."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Final

from qnas.core.errors import InputError
from qnas.core.images.checking.likeness import is_reduced
from qnas.core.images.image_header import image_size
from qnas.plugins.datasets.naming import SCALES, Reading, alike, read_stem, without_word
from qnas.plugins.datasets.pairing import pair_by_name
from qnas.plugins.datasets.reading import read_image

_LOOKED_AT: Final = 8  # groups of images that share a name, for every two folders
_MEMBERS: Final = 12  # images of a group
_COMPARED: Final = 3  # pairs of every two folders
_NO_SCALE: Final = 0


def parted(root: Path, files: Sequence[Path]) -> tuple[list[Path], dict[int, list[Path]]]:
    """The HR images among files, and the LR images beside them by scale: ``a_HR.png`` and ``a_LR.png``.

    Args:
        root: The folder of the files.
        files: Images in it.

    Raises:
        InputError: There are LR images among them, but not one for each HR image.
    """
    readings = {file: read_stem(file.stem) for file in files}
    lr = _lr_beside(_partners(readings), readings)
    hr = [file for file in files if file not in {file for of_scale in lr.values() for file in of_scale}]
    if not lr:
        _refuse_reduced(root, readings)
    for scale, of_scale in lr.items():
        try:
            pair_by_name(*_inside(root, hr, of_scale), scale, root)
        except InputError as error:
            first, reason = of_scale[0].relative_to(root).as_posix(), str(error).removeprefix(f"{root}: ")
            raise InputError(f"has LR images among the HR images, such as {first}, but {reason}", str(root)) from error
    return hr, lr


def _inside(root: Path, hr: Sequence[Path], lr: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    return [file.relative_to(root) for file in hr], [file.relative_to(root) for file in lr]


def _partners(readings: Mapping[Path, Reading]) -> dict[Path, Path]:
    """For each file that may be an LR image by its name, the HR image in the same folder."""
    hr = {(file.parent, name): file for file, of in readings.items() for name in _hr_names(file, of)}
    may_be_lr = {file: of for file, of in readings.items() if of.kind == "lr" or (not of.kind and of.scale)}
    named = {lr: ((lr.parent, of.base), (lr.parent, without_word(lr.stem))) for lr, of in may_be_lr.items()}
    partners = {lr: hr.get(bare) or hr.get(whole) for lr, (bare, whole) in named.items()}
    return {lr: partner for lr, partner in partners.items() if partner not in (None, lr)}


def _hr_names(file: Path, reading: Reading) -> set[str]:
    """The possible names of a file's LR images."""
    bare = [reading.base, without_word(file.stem)] if reading.kind == "hr" else []
    return set() if reading.kind == "lr" else {alike(file.stem), *bare}


def _lr_beside(partners: Mapping[Path, Path], readings: Mapping[Path, Reading]) -> dict[int, list[Path]]:
    """The files that are LR images of their partners, by scale; unreadable files count for the most common scale."""
    scales = {lr: _scale_of(hr, lr, readings[lr]) for lr, hr in partners.items()}
    usual = Counter(scale for scale in scales.values() if scale).most_common(1)
    by_scale: dict[int, list[Path]] = defaultdict(list)
    for lr, scale in scales.items():
        taken = scale if scale is not None else usual[0][0] if usual else _NO_SCALE
        if taken != _NO_SCALE:
            by_scale[taken].append(lr)
    return dict(by_scale)


def _scale_of(hr: Path, lr: Path, reading: Reading) -> int | None:
    """The scale by which ``lr`` is smaller than ``hr``; ``_NO_SCALE`` if there is none, None if one can't be read.

    Raises:
        InputError: The name clearly says that it is an LR image, but it is not.
    """
    try:
        scale = times_smaller(image_size(hr), image_size(lr))
    except InputError:  # raised again when the image is decoded
        return None
    if not scale and reading.is_sure and reading.kind == "lr":
        raise InputError(f"is not a whole number of times smaller than {hr.name}, though its name says LR", str(lr))
    return scale if reading.scale in (None, scale) else _NO_SCALE


def times_smaller(hr: tuple[int, int], lr: tuple[int, int]) -> int:
    """The scale of an LR image of this size, or ``_NO_SCALE`` if it can't be the reduced HR image."""
    scale = round(hr[0] / lr[0])
    return scale if scale in SCALES and tuple(side // scale for side in hr) == lr else _NO_SCALE


def _refuse_reduced(root: Path, readings: Mapping[Path, Reading]) -> None:
    """Refuse images that are reduced copies of others with the same name, whatever their folders are called.

    Raises:
        InputError: The message names one.
    """
    compared: Counter[tuple[Path, Path]] = Counter()
    for hr, lr, scale in _of_fitting_sizes(readings):
        folders = hr.parent, lr.parent
        compared[folders] += 1
        if compared[folders] <= _COMPARED and _is_reduced(hr, lr, scale):
            small, large = (file.relative_to(root).as_posix() for file in (lr, hr))
            reason = f"has LR images too: {small} is {large}, reduced {scale} times"
            raise InputError(f"{reason}: name the folders to use", str(root))


def _of_fitting_sizes(readings: Mapping[Path, Reading]) -> Iterator[tuple[Path, Path, int]]:
    """Pairs of images that share a name and of which one can be the other reduced, and by which factor."""
    for group in _namesakes(readings):
        sizes = {}
        for file in group:
            try:
                sizes[file] = image_size(file)
            except InputError:  # raised again when the image is decoded
                continue
        for one, other in combinations(sizes, 2):
            large, small = (one, other) if sizes[one] >= sizes[other] else (other, one)
            if scale := times_smaller(sizes[large], sizes[small]):
                yield large, small, scale


def _namesakes(readings: Mapping[Path, Reading]) -> Iterator[list[Path]]:
    """The first files of every two folders that share a name, apart from words for HR, LR or the scale."""
    by_name: dict[str, list[Path]] = defaultdict(list)
    for file, reading in readings.items():
        for name in {alike(file.stem), reading.base}:
            by_name[name].append(file)
    seen: Counter[tuple[Path, ...]] = Counter()
    for group in (group[:_MEMBERS] for group in by_name.values() if len(group) > 1):
        folders = {tuple(sorted((one.parent, other.parent))) for one, other in combinations(group, 2)}
        if any(seen[two] < _LOOKED_AT for two in folders):
            seen.update(folders)
            yield group


def _is_reduced(hr_file: Path, lr_file: Path, scale: int) -> bool:
    """Whether an image really is another one reduced: photographs of two cameras may happen to have such sizes."""
    try:
        hr, lr = read_image(hr_file), read_image(lr_file)
    except InputError:
        return False
    return is_reduced(hr[: lr.shape[0] * scale, : lr.shape[1] * scale], lr)
