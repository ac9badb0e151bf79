"""How folders of images are laid out: where HR and LR images are, and which belong together."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from qnas.core.errors import InputError, QnasWarning
from qnas.core.images.pack import listed
from qnas.plugins.datasets.beside import find_beside, lr_beside, refuse_lr_folder
from qnas.plugins.datasets.customs import form_of
from qnas.plugins.datasets.listing import entries, expanded, list_images, some, walk
from qnas.plugins.datasets.mixture import parted
from qnas.plugins.datasets.pairing import pair_by_name


@dataclass(frozen=True)
class Layout:
    """The content of a folder.

    Attributes:
        root: The folder of the HR images.
        hr: The HR images, sorted.
        lr: The folders of the LR images that came with them, by scale.
        kind: Name of the layout, such as ``HR, LR_bicubic/X4``, or ``plain``.
        among: The LR images in the folder of the HR images, by scale.
        unused: Folders of LR images beside ``root`` that are not used.
    """

    root: Path
    hr: list[Path]
    lr: Mapping[int, Path]
    kind: str
    among: Mapping[int, Sequence[Path]] = field(default_factory=dict)
    unused: Sequence[Path] = ()

    @property
    def names(self) -> list[str]:
        """The names of the HR images: their paths relative to the root."""
        return [file.relative_to(self.root).as_posix() for file in self.hr]

    @property
    def all_lr(self) -> list[Path]:
        """The LR images that came with the HR images, of all scales."""
        in_folders = (file for folder in self.lr.values() for file in walk(folder))
        return [*in_folders, *(file for files in self.among.values() for file in files)]

    def lr_files(self, scale: int) -> list[Path] | None:
        """The LR image of each HR image, or None if none came with them for the scale.

        Raises:
            InputError: An LR image is missing, exists twice, or is left over.
        """
        if scale in self.lr:
            return self.paired_with(self.lr[scale], scale)
        return self._paired(self.root, self.among[scale], scale) if scale in self.among else None

    def paired_with(self, folder: Path, scale: int) -> list[Path]:
        """The LR image in ``folder`` for each HR image, see :func:`pair_by_name`.

        Raises:
            InputError: An LR image is missing, exists twice, or is left over.
        """
        return self._paired(folder, list_images(folder), scale)

    def _paired(self, folder: Path, files: Sequence[Path], scale: int) -> list[Path]:
        hr, lr = ([file.relative_to(of) for file in side] for side, of in ((self.hr, self.root), (files, folder)))
        return [folder / file for file in pair_by_name(hr, lr, scale, folder)]

    def refuse_other_scales(self, scales: Sequence[int]) -> None:
        """Refuse scales if LR images came with the HR images, but none for these scales.

        Bicubic LR images are exempt: those that qnas makes are as good.

        Raises:
            InputError: The message lists the scales that there are.
        """
        there = sorted({*self.lr, *self.among})
        is_bicubic = bool(self.lr) and all(map(_is_bicubic, self.lr.values()))
        if not there or not scales or is_bicubic or set(there) & set(scales):
            return
        mismatch = f"has LR images of scale {listed(there)}, not {listed(scales)}: to have them made from the HR images"
        if self.among:
            raise InputError(f"{mismatch}, put these into a folder of their own", str(self.root))
        raise InputError(f"{mismatch}, name {self.root}", str(self.root.parent))

    def warn_of_unused(self) -> None:
        """Warn of LR images that are not used."""
        if self.unused:
            both = self.root.resolve().parent
            unused = f"{self.root}: the LR images beside it, in {some(self.unused)}, are not used"
            warnings.warn(f"{unused}: name {both}, or lr_path, to use them", QnasWarning, stacklevel=2)


def _is_bicubic(folder: Path) -> bool:
    return any("bic" in part.lower() for part in (folder.name, folder.parent.name))


def find_layout(path: Path) -> Layout:
    """The content of a folder: HR images, directly or in folders, or an HR folder with LR folders beside it.

    The LR folders of published sets are found even if ``path`` is the HR folder itself.

    Raises:
        InputError: The folder can't be read, has no images or several data sets, or it is unclear to which HR images
            its LR images belong.
    """
    path = expanded(path)
    whole = path if path.name.strip(".") else path.resolve()
    inside = [entry for entry in entries(path) if form_of(entry) and entry.is_dir()]
    if len(inside) > 1:
        raise InputError(f"has several data sets: name one, as {some([f.name for f in inside])}", str(path))
    for root in [*inside, whole]:
        form = form_of(root)
        folders = form.lr_folders(root) if form else {}
        if form and folders:
            return Layout(root, list_images(root), folders, form.kind)
    refuse_lr_folder(whole)
    if pairs := find_beside(path):
        names = sorted({folder.relative_to(path).as_posix() for folder in pairs.lr.values()})
        return Layout(pairs.root, pairs.hr, pairs.lr, f"{pairs.root.name}, {', '.join(names)}")
    hr, among = parted(path, list_images(path))
    return Layout(path, hr, {}, "HR among LR" if among else "plain", among, lr_beside(whole))
