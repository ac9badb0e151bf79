"""How folders of images are laid out: where HR and LR images are, and which belong together."""

import contextlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from qnas.core.engine.image_file import SUFFIXES
from qnas.core.errors import InputError

_SCALES: Final = range(2, 17)


@dataclass(frozen=True)
class Layout:
    """What a folder holds.

    Attributes:
        root: The folder of the HR images.
        hr: The HR images, sorted.
        lr: The folders of the LR images that came with them, by scale.
        kind: How it is laid out, such as ``HR, LR_bicubic/X4``, or ``plain``.
    """

    root: Path
    hr: list[Path]
    lr: Mapping[int, Path]
    kind: str

    @property
    def names(self) -> list[str]:
        """What the HR images are called: their paths from the root."""
        return [file.relative_to(self.root).as_posix() for file in self.hr]

    def lr_files(self, scale: int) -> list[Path] | None:
        """The LR image of each HR image, or None if none came with them for the scale.

        Raises:
            InputError: One is missing, stands there twice, or is left over.
        """
        return self.paired_with(self.lr[scale], scale) if scale in self.lr else None

    def paired_with(self, folder: Path, scale: int) -> list[Path]:
        """The LR image in ``folder`` of each HR image: ``NAME.*`` or ``NAMExSCALE.*``.

        Raises:
            InputError: One is missing, stands there twice, or is left over.
        """
        lr = [file.relative_to(folder) for file in list_images(folder)]
        paired = pair_by_name([file.relative_to(self.root) for file in self.hr], lr, scale, folder)
        return [folder / file for file in paired]


class _Form(NamedTuple):
    """A custom of naming folders.

    Attributes:
        kind: What it is called.
        hr: The name of the HR folder.
        lr: Where the LR folders are beside it; ``{set}`` stands for that group of ``hr``.
    """

    kind: str
    hr: re.Pattern[str]
    lr: tuple[str, ...]

    def lr_folders(self, root: Path) -> dict[int, Path]:
        """The LR folders that are there, by scale."""
        named = self.hr.fullmatch(root.name)
        groups = named.groupdict() if named else {}
        places = [(scale, root.parent / form.format(scale=scale, **groups)) for scale in _SCALES for form in self.lr]
        return {scale: place for scale, place in reversed(places) if place.is_dir()}


_FORMS: Final = (
    # Cut into pieces, as BasicSR does it, and whole: DIV2K, Flickr2K.
    _Form(
        "SET_HR_sub, SET_LR_bicubic_sub/X4",
        re.compile(r"(?P<set>.+)_HR_sub"),
        ("{set}_LR_bicubic_sub/X{scale}", "{set}_LR_bicubic/X{scale}_sub"),
    ),
    _Form("SET_HR, SET_LR_bicubic/X4", re.compile(r"(?P<set>.+)_HR"), ("{set}_LR_bicubic/X{scale}",)),
    # Set5, Set14 and others, as EDSR packed them, and as BasicSR did.
    _Form("HR, LR_bicubic/X4", re.compile(r"HR"), ("LR_bicubic/X{scale}",)),
    _Form("GTmod12, LRbicx4", re.compile(r"GTmod\d+"), ("LRbicx{scale}",)),
)
_LR_FOLDER: Final = re.compile(r"(.+_)?LR_(bicubic|unknown|mild|difficult|wild).*|LRbicx\d+")


def find_layout(path: Path) -> Layout:
    """What a folder holds: HR images, as they are or in folders, or an HR folder with LR folders beside it.

    The LR folders are found as well if ``path`` is that of the HR folder itself.

    Raises:
        InputError: It can't be read, has no images, or several data sets.
    """
    path = expanded(path)
    inside = [entry for entry in _entries(path) if _form_of(entry) and entry.is_dir()]
    if len(inside) > 1:
        raise InputError(f"has several data sets: name one, as {_some([f.name for f in inside])}", str(path))
    for root in [*inside, path if path.name.strip(".") else path.resolve()]:
        form = _form_of(root)
        folders = form.lr_folders(root) if form else {}
        if form and folders:
            return Layout(root, list_images(root), folders, form.kind)
    return Layout(path, list_images(path), {}, "plain")


def _form_of(folder: Path) -> _Form | None:
    return next((form for form in _FORMS if form.hr.fullmatch(folder.name)), None)


def list_images(folder: Path) -> list[Path]:
    """The image files of a folder and the folders in it, by their suffix, sorted by name.

    Raises:
        InputError: It can't be read, has none, or has a folder of LR images in it.
    """
    folder = expanded(folder)
    files = list(walk(folder))
    if not files:
        raise InputError(f"no images in the folder (looked for {', '.join(SUFFIXES)})", str(folder))
    lr = next((f for file in files for f in file.relative_to(folder).parents if _LR_FOLDER.fullmatch(f.name)), None)
    if lr is not None:
        raise InputError(f"has LR images too, in {lr.as_posix()}: name the folders that are meant", str(folder))
    return files


def expanded(folder: Path) -> Path:
    """The path with the user's home folder for ``~``.

    Raises:
        InputError: There is none.
    """
    with _as_unreadable(folder):
        return folder.expanduser()


def walk(folder: Path, seen: frozenset[Path] = frozenset()) -> Iterator[Path]:
    """The image files of a folder and the folders in it, sorted; what is hidden is passed over."""
    entries = _entries(folder)
    seen |= {folder.resolve()}
    for entry in entries:
        if entry.is_dir():
            if entry.resolve() not in seen:  # a link may lead back to where it is
                yield from walk(entry, seen)
        elif entry.suffix.lower() in SUFFIXES and entry.is_file():
            yield entry


def _entries(folder: Path) -> list[Path]:
    with _as_unreadable(folder):
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))


@contextlib.contextmanager
def _as_unreadable(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"can't read the folder: {reason}", str(folder)) from None


def pair_by_name(hr_files: Sequence[Path], lr_files: Sequence[Path], scale: int, where: Path) -> list[Path]:
    """The LR file of each HR file: ``NAME.*`` or ``NAMExSCALE.*``.

    Args:
        hr_files: Paths from the HR folder.
        lr_files: Paths from the LR folder.
        scale: The factor between them.
        where: The LR folder.

    Raises:
        InputError: One is missing, stands there twice, or is left over.
    """
    by_name: dict[str, Path] = {}
    for file in lr_files:
        name = _stem(file).removesuffix(f"x{scale}")
        if name in by_name:
            raise InputError(f"two LR images for '{name}': {by_name[name]} and {file}", str(where))
        by_name[name] = file
    names = [stem if (stem := _stem(file)) in by_name else stem.removesuffix(f"x{scale}") for file in hr_files]
    shared = sorted(name for name, count in Counter(names).items() if count > 1 and name in by_name)
    if shared:
        raise InputError(f"several HR images for the LR image {_some([by_name[n] for n in shared])}", str(where))
    missing = [file for file, name in zip(hr_files, names, strict=True) if name not in by_name]
    left_over = sorted(by_name[name] for name in set(by_name) - set(names))
    lines = [f"no {kind} image for {_some(files)}" for kind, files in (("LR", missing), ("HR", left_over)) if files]
    if lines:
        raise InputError("; ".join(lines), str(where))
    return [by_name[name] for name in names]


def _stem(file: Path) -> str:
    return file.with_suffix("").as_posix()


def _some(files: Sequence[Path | str]) -> str:
    return ", ".join(map(str, files[:3])) + (f" and {len(files) - 3} more" if len(files) > 3 else "")
