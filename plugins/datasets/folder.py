"""A user's own images in folders: HR alone, or HR and LR paired by name."""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, model_validator

from qnas.core.components import Dataset, ImageSizes, ImageSource, SourceImage
from qnas.core.errors import InputError
from qnas.core.images.image_header import image_sizes
from qnas.core.settings import invalid
from qnas.plugins.datasets.layouts import Layout, find_layout
from qnas.plugins.datasets.listing import expanded, list_images, walk
from qnas.plugins.datasets.reading import mode_of, read_image


def _are_folders(value: Any) -> Any:
    """Report a mistake in one line, where a union would report one for each of its types."""
    if not _listed(value) or not all(isinstance(folder, str | Path) for folder in _listed(value)):
        raise ValueError("must be a path, or a list of paths")
    return value


def _listed(folders: Any) -> tuple[Any, ...]:
    """Folders as a tuple: none, one or several."""
    return () if folders is None else tuple(folders) if isinstance(folders, list | tuple) else (folders,)


Folders = Annotated[Path | tuple[Path, ...], BeforeValidator(_are_folders)]


class Folder(Dataset):
    """The images of folders and of the folders in them (PNG, JPEG, WebP, BMP, TIFF), sorted by name.

    LR images of the scale are found beside the HR images: as in DIV2K and Flickr2K (``DIV2K_train_HR`` and
    ``DIV2K_train_LR_bicubic/X4``), in pieces of them (``_sub``), and in benchmarks (``HR`` and ``LR_bicubic/X4``, or
    ``GTmod12`` and ``LRbicx4``); in a folder of two folders with such names, in upper or lower case (``HR`` and ``LR``,
    ``gt`` and ``lq``, ``high`` and ``low``, ``HR`` and ``LR_x4``); and beside each other in one folder (``NAME_HR.png``
    and ``NAME_LR.png``). LR images that can't be paired never count as HR images: the folder is refused, and the
    message says what to name instead. Hidden files are skipped; transparency is dropped.

    Attributes:
        path: A folder of HR images, or of HR and LR images as above; or a list of such folders. A relative path starts
            from the current folder. If the HR folder itself is named, its LR images are used only if they are laid out
            like a published set.
        lr_path: LR images elsewhere: one folder for each of ``path``, which may hold them in ``X4`` and the like. The
            LR image of ``NAME.png`` is ``NAME.*``, ``NAMExSCALE.*`` or ``NAME_LR.*``.
    """

    path: Folders
    lr_path: Folders | None = None

    @model_validator(mode="after")
    def _lr_for_each(self) -> Self:
        count, lr_count = len(_listed(self.path)), len(_listed(self.lr_path))
        if lr_count not in (0, count):
            message = f"must be as many folders as path has: {count} (got {lr_count})"
            invalid("Folder", message, self.lr_path, "lr_path")
        return self

    @property
    def layouts(self) -> list[Layout]:
        """The layout of each folder.

        Raises:
            InputError: A folder can't be read, has no images or several data sets, or shares images with another.
        """
        layouts = [find_layout(folder) for folder in _listed(self.path)]
        for layout in layouts if self.lr_path is None else ():
            layout.warn_of_unused()
        roots = [layout.root.resolve() for layout in layouts]
        for (one, root), (other, other_root) in combinations(zip(_listed(self.path), roots, strict=True), 2):
            if root.is_relative_to(other_root) or other_root.is_relative_to(root):
                raise InputError(f"shares images with {other}: list them once", str(one))
        return layouts

    def _layouts_at(self, scales: Sequence[int]) -> list[Layout]:
        layouts = self.layouts
        for layout in layouts if self.lr_path is None else ():
            layout.refuse_other_scales(scales)
        return layouts

    def count(self) -> int:
        """See :meth:`qnas.Dataset.count`."""
        for folder in _listed(self.lr_path):
            list_images(folder)
        return sum(len(layout.hr) for layout in self.layouts)

    def fingerprint(self) -> str:
        """Names, sizes and modification times of all files."""
        layouts = self.layouts
        named_lr = [file for folder in _listed(self.lr_path) for file in walk(expanded(folder))]
        lr = named_lr if self.lr_path is not None else [file for layout in layouts for file in layout.all_lr]
        named = [*_named(_listed(self.path), layouts), *(("", file) for file in lr)]
        return "\n".join(f"{name} {_state(file)}" for name, file in named)

    def images(self, scale: int) -> Iterator[SourceImage]:
        """See :meth:`qnas.Dataset.images`."""
        return (source.read(scale) for source in self.sources([scale]))

    def sizes(self, scale: int) -> list[ImageSizes]:
        """See :meth:`qnas.Dataset.sizes`."""
        layouts = self._layouts_at([scale])
        named, lr_files = _named(_listed(self.path), layouts), self._lr_of(layouts, scale)
        files = [*(file for _, file in named), *filter(None, lr_files)]
        size = dict(zip(files, image_sizes(files), strict=True))
        pairs = zip(named, lr_files, strict=True)
        return [ImageSizes(name, size[hr], size[lr] if lr else None) for (name, hr), lr in pairs]

    def sources(self, scales: Sequence[int]) -> list[ImageSource]:
        """See :meth:`qnas.Dataset.sources`."""
        layouts = self._layouts_at(scales)
        lr_files = {scale: self._lr_of(layouts, scale) for scale in scales}
        images = []
        for index, (name, hr) in enumerate(_named(_listed(self.path), layouts)):
            lr = {scale: file for scale, files in lr_files.items() if (file := files[index])}
            readers = {scale: partial(read_image, file) for scale, file in lr.items()}
            state = "\n".join(map(_state, [hr, *lr.values()]))
            images.append(ImageSource(name, partial(read_image, hr), readers, state, partial(mode_of, hr)))
        return images

    def _lr_of(self, layouts: Sequence[Layout], scale: int) -> list[Path | None]:
        folders = _listed(self.lr_path) or [None] * len(layouts)
        return [file for of in zip(layouts, folders, strict=True) for file in _lr_files(*of, scale)]


def _state(file: Path) -> str:
    """The place, size and modification time of a file."""
    try:
        facts = file.stat()
    except OSError as error:
        raise InputError(f"can't be read: {error.strerror}", str(file)) from None
    return f"{file.resolve()} {facts.st_size} {facts.st_mtime_ns}"


def _lr_files(layout: Layout, lr_path: Path | None, scale: int) -> Sequence[Path | None]:
    if lr_path is None:
        return layout.lr_files(scale) or [None] * len(layout.hr)
    folder = expanded(lr_path)
    of_scale = folder / f"X{scale}"
    return layout.paired_with(of_scale if of_scale.is_dir() else folder, scale)


def _named(folders: Sequence[Path], layouts: Sequence[Layout]) -> list[tuple[str, Path]]:
    """The HR images by their paths inside their folder, or with the folder if that is needed to make them unique."""
    files = [file for layout in layouts for file in layout.hr]
    names = [name for layout in layouts for name in layout.names]
    if len(set(names)) < len(names):
        titles = [folder.name for folder in folders]
        titles = titles if len(set(titles)) == len(titles) else [folder.as_posix() for folder in folders]
        names = [f"{title}/{name}" for title, of in zip(titles, layouts, strict=True) for name in of.names]
    return list(zip(names, files, strict=True))
