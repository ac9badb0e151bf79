"""A user's own images in a folder: HR alone, or HR and LR paired by name."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from qnas.core.components import Dataset, Pixels, SourceImage
from qnas.core.errors import InputError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
_EIGHT_BIT_MODES = {
    "1",
    "L",
    "LA",
    "La",
    "P",
    "PA",
    "RGB",
    "RGBA",
    "RGBa",
    "RGBX",
    "CMYK",
    "YCbCr",
    "LAB",
    "HSV",
}


class Folder(Dataset):
    """The images of a folder (PNG, JPEG, WebP, BMP, TIFF), sorted by name. Transparency is left out.

    Attributes:
        path: HR images. A relative path starts where the command is given.
        lr_path: LR images, if they exist already. The LR image of ``NAME.png`` is ``NAME.*`` or ``NAMExSCALE.*``.
    """

    path: Path
    lr_path: Path | None = None

    def count(self) -> int:
        """See :meth:`qnas.Dataset.count`."""
        if self.lr_path is not None:
            list_images(self.lr_path)
        return len(list_images(self.path))

    def fingerprint(self) -> str:
        """Names, sizes and times of change of all files."""
        folders = [self.path, *([self.lr_path] if self.lr_path else [])]
        files = [file for folder in folders for file in list_images(folder)]
        return "\n".join(f"{f.resolve()} {f.stat().st_size} {f.stat().st_mtime_ns}" for f in files)

    def images(self, scale: int) -> Iterator[SourceImage]:
        """See :meth:`qnas.Dataset.images`."""
        files = list_images(self.path)
        lr_files = pair_by_name(files, list_images(self.lr_path), scale) if self.lr_path else [None] * len(files)
        for file, lr_file in zip(files, lr_files, strict=True):
            yield SourceImage(file.name, read_image(file), read_image(lr_file) if lr_file else None)


def list_images(folder: Path) -> list[Path]:
    """The image files of a folder, by their suffix, sorted by name.

    Raises:
        InputError: The folder can't be read or has none.
    """
    try:
        files = sorted(f for f in folder.expanduser().iterdir() if f.suffix.lower() in SUFFIXES and f.is_file())
    except (OSError, RuntimeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"can't read the folder: {reason}", str(folder)) from error
    files = [file for file in files if not file.name.startswith(".")]  # what file managers leave beside images
    if not files:
        raise InputError(f"no images in the folder (looked for {', '.join(SUFFIXES)})", str(folder))
    return files


def pair_by_name(hr_files: list[Path], lr_files: list[Path], scale: int) -> list[Path]:
    """The LR file of each HR file: ``NAME.*`` or ``NAMExSCALE.*``.

    Raises:
        InputError: One is missing, stands there twice, or is left over.
    """
    where = str(lr_files[0].parent)
    by_name: dict[str, Path] = {}
    for file in lr_files:
        name = file.stem.removesuffix(f"x{scale}")
        if name in by_name:
            raise InputError(f"two LR images for '{name}': {by_name[name].name} and {file.name}", where)
        by_name[name] = file
    names = [file.stem if file.stem in by_name else file.stem.removesuffix(f"x{scale}") for file in hr_files]
    shared = sorted({name for name in names if names.count(name) > 1 and name in by_name})
    if shared:
        raise InputError(f"several HR images for the LR image {_some([by_name[n].name for n in shared])}", where)
    missing = [file.name for file, name in zip(hr_files, names, strict=True) if name not in by_name]
    left_over = sorted(by_name[name].name for name in set(by_name) - set(names))
    if missing or left_over:
        lines = [f"no LR image for {_some(missing)}"] * bool(missing) + [f"no HR image for {_some(left_over)}"] * bool(
            left_over
        )
        raise InputError("; ".join(lines), where)
    return [by_name[name] for name in names]


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def read_image(file: Path) -> Pixels:
    """An image file as (H, W, 3) RGB, uint8.

    Raises:
        InputError: It is no image, broken, absurdly large, or has more than 8 bits a channel.
    """
    try:
        with Image.open(file) as image:
            # Pillow opens 16-bit colour as 8-bit and drops the low byte; only the raw mode tells.
            raw_modes = [str(tile[3]) for tile in image.tile]
            raw = any(";16" in mode and "BGR;16" not in mode for mode in raw_modes)
            if raw or image.mode not in _EIGHT_BIT_MODES:
                depth = "16 bits a channel" if raw else f"pixels of mode '{image.mode}'"
                raise InputError(f"has {depth}: use 8 bits a channel", str(file))
            return np.asarray(image.convert("RGB"))
    except UnidentifiedImageError as error:
        raise InputError("is no image (or of no known format)", str(file)) from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"can't be decoded: {error}", str(file)) from error
