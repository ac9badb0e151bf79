"""HR and LR folders beside each other, under common names such as gt and lq."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from qnas.core.errors import InputError
from qnas.core.images.image_header import image_size
from qnas.plugins.datasets.listing import entries, is_image, list_images, some, walk
from qnas.plugins.datasets.naming import SCALES, Kind, alike, folder_kind, folder_scale, maybe_kind, read_stem


class Beside(NamedTuple):
    """An HR folder and its LR folders.

    Attributes:
        root: The HR folder.
        hr: The images in it.
        lr: The LR folders, by scale.
    """

    root: Path
    hr: list[Path]
    lr: dict[int, Path]


def find_beside(path: Path) -> Beside | None:
    """The HR folder and the LR folders in a folder, if it is laid out that way.

    Raises:
        InputError: There are several HR folders, or several LR folders of a scale.
    """
    inside = [entry for entry in entries(path) if entry.is_dir()]
    hr_folders, lr_folders = _of_kinds(inside)
    if not lr_folders:
        return None
    if len(hr_folders) > 1:
        raise InputError(f"has several data sets: name one, as {some([f.name for f in hr_folders])}", str(path))
    root = hr_folders[0] if hr_folders else path
    hr = list_images(root) if hr_folders else [file for file in entries(path) if is_image(file)]
    if not hr or (not hr_folders and any(list(walk(f)) for f in inside if f not in lr_folders)):
        return None
    return Beside(root, hr, _by_scale(root, hr, lr_folders))


def _of_kinds(folders: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """The HR and the LR folders; vague names count only beside a folder of the other kind with the same image names."""
    hr, lr = (_named(folders, kind) for kind in ("hr", "lr"))
    maybe_hr, maybe_lr = ([f for f in folders if maybe_kind(f.name) == kind] for kind in ("hr", "lr"))
    if not hr:
        hr = [one for one in maybe_hr if any(_share_names(one, other) for other in lr or maybe_lr)]
    if hr and not lr:
        lr = [one for one in maybe_lr if any(_share_names(one, other) for other in hr)]
    return hr, lr


def _named(folders: Sequence[Path], kind: Kind) -> list[Path]:
    return [folder for folder in folders if folder_kind(folder.name) == kind]


def _share_names(one: Path, other: Path) -> bool:
    first, second = ({read_stem(file.stem).base for file in walk(folder)} for folder in (one, other))
    return not first.isdisjoint(second)


def _by_scale(root: Path, hr: Sequence[Path], lr_folders: Sequence[Path]) -> dict[int, Path]:
    found: dict[int, Path] = {}
    for place, named in (place for folder in lr_folders for place in _places(folder)):
        scale = named or _measured(root, hr, place)
        if scale in found:
            both = f"{found[scale]} and {place}"
            raise InputError(f"LR images of scale {scale} are in {both}: choose one of them with lr_path", str(root))
        found[scale] = place
    return dict(sorted(found.items()))


def _places(folder: Path) -> Iterator[tuple[Path, int | None]]:
    """The folders that hold the LR images of an LR folder, with the scale if their names say it."""
    inside = [entry for entry in entries(folder) if entry.is_dir() and _is_scale(entry.name)]
    yield from ((entry, folder_scale(entry.name)) for entry in inside)
    if not inside:
        yield folder, folder_scale(folder.name)


def _is_scale(name: str) -> bool:
    return maybe_kind(name) == "lr" and folder_scale(name) is not None


def _measured(root: Path, hr: Sequence[Path], place: Path) -> int:
    """The scale of LR images, from the sizes of the first pair that can be read.

    Raises:
        InputError: No LR image belongs to an HR image, or they are not smaller.
    """
    by_name = {name: file for file in list_images(place) for name in (alike(file.stem), read_stem(file.stem).base)}
    failure = InputError(f"none of the images has the name of one in {root}", str(place))
    for file in hr:
        partner = by_name.get(alike(file.stem)) or by_name.get(read_stem(file.stem).base)
        if partner is None:
            continue
        try:
            large, small = image_size(file), image_size(partner)
        except InputError as error:  # another pair may be readable
            failure = error
            continue
        scale = round(large[0] / small[0])
        if scale not in SCALES:
            sizes = " and ".join(
                f"{image} is {width} x {height}" for image, (height, width) in ((file, large), (partner, small))
            )
            raise InputError(f"has no LR images for those in {root}: {sizes}", str(place))
        return scale
    raise failure


def refuse_lr_folder(folder: Path) -> None:
    """Refuse a folder of LR images that is given as the HR images.

    Raises:
        InputError: Its name says that it has LR images, or it lies beside its HR folder.
    """
    above = folder.parent if _is_scale(folder.name) and folder_kind(folder.parent.name) == "lr" else folder
    with contextlib.suppress(InputError):  # unreadable folders
        if any(entry.is_dir() and folder_kind(entry.name) == "hr" for entry in entries(folder)):
            return  # it has both kinds
    hr_folders = _hr_beside(above)
    is_named = folder_kind(above.name) == "lr"
    if is_named or (maybe_kind(folder.name) == "lr" and any(_is_smaller(folder, hr) for hr in hr_folders)):
        why = "has LR images, by its name" if is_named else f"has the LR images of {hr_folders[0]}"
        which = some(hr_folders) if hr_folders else "rename this one if they are in it"
        raise InputError(f"{why}: name the folder of the HR images ({which})", str(folder))


def _is_smaller(folder: Path, hr_folder: Path) -> bool:
    """Whether the images of a folder have the size of LR images for those with the same names in another folder."""
    with contextlib.suppress(InputError):
        return _measured(hr_folder, list(walk(hr_folder)), folder) in SCALES
    return False


def _hr_beside(folder: Path) -> list[Path]:
    with contextlib.suppress(InputError):
        beside = [entry for entry in entries(folder.parent) if entry != folder and entry.is_dir()]
        return _named(beside, "hr") or [entry for entry in beside if maybe_kind(entry.name) == "hr"]
    return []


def lr_beside(folder: Path) -> list[Path]:
    """The LR folders beside an HR folder, by their names."""
    if folder_kind(folder.name) != "hr":
        return []
    with contextlib.suppress(InputError):
        return _named([entry for entry in entries(folder.parent) if entry.is_dir()], "lr")
    return []
