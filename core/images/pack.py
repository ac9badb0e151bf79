"""A pack: the decoded images of a data set in one file, from which a patch can be read without the rest.

It is an HDF5 file, so other programs can read it too:

========== ===================== ==============================================================================
name       shape                 what it is
========== ===================== ==============================================================================
pixels/0.. (bytes,)              the pixels of images one after another: RGB, row by row, uint8, not compressed
names      (images,)             names of the images, UTF-8, padded with zeros to the longest
arrays     (images, 1 + S, 5)    the places of the HR image and of the LR images of S scales: number of the
                                 ``pixels``, first byte in it, height, width, CRC-32 of the pixels
========== ===================== ==============================================================================

and the attributes ``format``, ``version``, ``scales``, ``degradation`` (how LR images were made for HR images without
them), and ``checksum`` (SHA-256 of everything but pixels), which is written last.
"""

import contextlib
import hashlib
import json
import shlex
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

import h5py
import numpy as np
import numpy.typing as npt

from qnas.core.components import ImageSizes, Pixels
from qnas.core.errors import InputError
from qnas.core.files.atomic import written_aside
from qnas.core.files.hdf5 import plain_attribute, plain_dataset

VERSION: Final = 1
HR: Final = 0
"""Stands for the HR images among the scales of the LR images."""
_FORMAT: Final = "qnas-pack"
_SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"
_ERRORS: Final = "surrogateescape"  # file names need not be UTF-8
_BLOCK_BYTES: Final = 64 * 2**20
_SMALLEST: Final = 1  # scale
_LONGEST_SIDE: Final = 2**24  # of an image, so that 64 bits can count its bytes
AGAIN: Final = "make it again with qnas data pack"


class PackWriter:
    """Writes images into a pack one by one; made by :func:`new_pack`."""

    def __init__(self, file: h5py.File, scales: Sequence[int], degradation: str) -> None:
        self._file = file
        self._scales = (HR, *scales)
        self._degradation = degradation
        self._names: list[str] = []
        self._arrays: list[list[tuple[int, ...]]] = []
        self._blocks = 0
        self._waiting: list[Pixels] = []
        self._bytes = 0

    def add(self, name: str, images: Mapping[int, Pixels]) -> None:
        """Add an image.

        Args:
            name: Unique in the pack.
            images: Scale to image, (H, W, 3) uint8: the HR image at ``HR``, and an LR image for each scale of the pack.
        """
        places = []
        for scale in self._scales:
            pixels = np.ascontiguousarray(images[scale])
            places.append((self._blocks, self._bytes, *pixels.shape[:2], zlib.crc32(pixels.data)))
            self._waiting.append(pixels.flatten())  # a copy: a mapped image would keep its file open
            self._bytes += pixels.size
        self._names.append(name)
        self._arrays.append(places)
        if self._bytes >= _BLOCK_BYTES:
            self._flush()

    def _flush(self) -> None:
        self._file.create_dataset(f"pixels/{self._blocks}", data=np.concatenate(self._waiting))
        self._blocks, self._waiting, self._bytes = self._blocks + 1, [], 0

    def finish(self) -> None:
        """Write everything but pixels."""
        if self._waiting:
            self._flush()
        arrays = np.array(self._arrays, dtype=np.int64).reshape(-1, len(self._scales), 5)
        self._file.create_dataset("arrays", data=arrays)
        names = [name.encode(errors=_ERRORS) for name in self._names]
        longest = max(map(len, names), default=1)
        self._file.create_dataset("names", data=names, dtype=h5py.string_dtype(length=longest))
        scales = self._scales[1:]
        texts = {"format": _FORMAT, "degradation": self._degradation}
        texts["checksum"] = _checksum(self._names, arrays, scales, self._degradation)
        numbers = {"version": VERSION, "scales": np.array(scales, dtype=np.int64)}
        self._file.attrs.update({**numbers, **{name: np.bytes_(text.encode()) for name, text in texts.items()}})


@contextlib.contextmanager
def new_pack(path: Path, scales: Sequence[int], degradation: str) -> Iterator[PackWriter]:
    """A writer for a pack, which replaces ``path`` only when the context ends without an error.

    Raises:
        OSError: It can't be written.
    """
    # HDF5 1.10 adds its own checksums to everything but pixels.
    with written_aside(path) as aside, h5py.File(aside, "w", libver=("v110", "v110")) as file:
        writer = PackWriter(file, scales, degradation)
        yield writer
        writer.finish()


class Pack:
    """The images of a pack, mapped into memory: pixels are read when they are used.

    Note:
        If another program truncates a mapped file, the process ends with SIGBUS, which can't be caught. qnas writes
        packs aside and renames them into place, so a map keeps its file even if that is replaced or deleted. Don't copy
        a file over a pack that is in use: programs such as ``cp`` write in place.

    Args:
        path: The file.
        remedy: What the user can do if it is damaged.

    Attributes:
        path: The file.
        names: The names of the images, in order.
        scales: The scales of its LR images.
        degradation: How LR images were made for HR images without them.
        digest: Changes with the images; packs of the same images have the same digest.

    Raises:
        InputError: It can't be read, is not a pack, has another version, or is truncated or damaged.
    """

    def __init__(self, path: Path, remedy: str = AGAIN) -> None:
        self.path = path
        self._remedy = remedy
        with _opened(path) as stream:
            if stream.read(len(_SIGNATURE)) != _SIGNATURE:
                raise InputError("is not a pack (qnas data pack makes one)", str(path))
            try:
                # One map for all images: a process can only have tens of thousands.
                self._bytes = np.memmap(stream, dtype=np.uint8, mode="r").view(np.ndarray)
                with h5py.File(stream, "r") as file:
                    self._read_index(file)
            except InputError:
                raise
            except Exception as error:  # a damaged file may raise anything
                raise InputError(f"is cut short or damaged: {self._remedy}", str(path)) from error
        self._is_checked = np.zeros(self._arrays.shape[:2], dtype=bool)

    def _read_index(self, file: h5py.File) -> None:
        if "format" not in file.attrs or _text(file, "format") != _FORMAT:
            raise InputError("is an HDF5 file, but not a pack (qnas data pack makes one)", str(self.path))
        if (version := plain_attribute(file, "version")) != VERSION:
            why = f"is a pack of version {version}, and this qnas reads version {VERSION}: {self._remedy}"
            raise InputError(why, str(self.path))
        self.names = tuple(plain_dataset(file, "names").asstr(errors=_ERRORS)[()])
        self.scales = tuple(map(int, plain_attribute(file, "scales")))
        self.degradation = _text(file, "degradation")
        self._arrays = plain_dataset(file, "arrays")[()]
        blocks = [plain_dataset(file, f"pixels/{block}") for block in range(len(file["pixels"]))]
        self._offsets = [block.id.get_offset() for block in blocks]
        _refuse_impossible(self._arrays, self.names, self.scales, [len(block) for block in blocks])
        self.digest = _checksum(self.names, self._arrays, self.scales, self.degradation)
        if _text(file, "checksum") != self.digest:
            raise ValueError("its index does not match its checksum")

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the path: another process maps the file itself."""
        return type(self), (self.path, self._remedy)

    def __len__(self) -> int:
        return len(self.names)

    def refuse_missing(self, scale: int) -> None:
        """Refuse a scale without LR images.

        Raises:
            InputError: The message lists the scales, and says how to add one.
        """
        if scale not in self.scales:
            options = " ".join(f"--scale {s}" for s in (*self.scales, scale))
            add = f"qnas data pack {shlex.quote(str(self.path))} NEW.h5 {options}"
            raise InputError(
                f"has LR images of scale {listed(self.scales)}, not {scale} (add them: {add})", str(self.path)
            )

    def sizes(self, scale: int) -> list[ImageSizes]:
        """The sizes of all images and of their LR images of that scale; no pixels are read.

        Raises:
            InputError: It has no LR images of that scale.
        """
        self.refuse_missing(scale)
        sides = self._arrays[:, [0, 1 + self.scales.index(scale)], 2:4].tolist()
        return [ImageSizes(name, tuple(hr), tuple(lr)) for name, (hr, lr) in zip(self.names, sides, strict=True)]

    def pixels(self, index: int, scale: int) -> Pixels:
        """An image, mapped and read-only: (H, W, 3) RGB, uint8.

        Args:
            index: Its place in the pack.
            scale: The scale of the LR image, or ``HR``.

        Raises:
            InputError: The pixels don't match their checksum, which is checked once per image.
        """
        column = 0 if scale == HR else 1 + self.scales.index(scale)
        block, start, height, width, checksum = map(int, self._arrays[index, column])
        start += self._offsets[block]
        pixels = self._bytes[start : start + height * width * 3].reshape(height, width, 3)
        if not self._is_checked[index, column]:
            if zlib.crc32(pixels.data) != checksum:
                raise InputError(f"the image '{self.names[index]}' is damaged: {self._remedy}", str(self.path))
            self._is_checked[index, column] = True
        return pixels

    def images(self, index: int) -> dict[int, Pixels]:
        """All resolutions of an image by scale, as :meth:`PackWriter.add` takes them.

        Raises:
            InputError: One is damaged.
        """
        return {scale: self.pixels(index, scale) for scale in (HR, *self.scales)}


def _text(file: h5py.File, attribute: str) -> str:
    text: bytes = plain_attribute(file, attribute)
    return text.decode()


def _refuse_impossible(
    arrays: npt.NDArray[np.int64], names: Sequence[str], scales: Sequence[int], blocks: Sequence[int]
) -> None:
    """Refuse an impossible index even if its checksum is right, since anyone can compute that.

    Args:
        arrays: See the top of this file.
        names: The names of the images.
        scales: The scales of the LR images.
        blocks: The size of each of the ``pixels`` in bytes.

    Raises:
        ValueError: It refers to bytes outside the blocks, or LR images don't fit their HR images.
    """
    if arrays.dtype != np.int64 or arrays.shape != (len(names), 1 + len(scales), 5) or len(set(names)) != len(names):
        raise ValueError("its parts don't match")
    if len(set(scales)) != len(scales) or min(scales, default=_SMALLEST) < _SMALLEST:
        raise ValueError("its scales are invalid")
    block, start, height, width = np.moveaxis(arrays[..., :4], -1, 0)
    if (
        arrays.min() < 0
        or arrays[..., 2:4].min() < 1
        or block.max() >= len(blocks)
        or max(height.max(), width.max()) > _LONGEST_SIDE
    ):
        raise ValueError("it refers to pixels that are not there")
    if (start > np.array(blocks)[block] - height * width * 3).any():
        raise ValueError("an image extends beyond its block")
    sides = arrays[..., 2:4]
    if any((sides[:, place] != sides[:, 0] // scale).any() for place, scale in enumerate(scales, 1)):
        raise ValueError("an LR image does not fit its HR image")


def _opened(path: Path) -> BinaryIO:
    try:
        return path.expanduser().open("rb")
    except (OSError, RuntimeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"can't be read: {reason}", str(path)) from None


def _checksum(names: Sequence[str], arrays: npt.NDArray[np.int64], scales: Sequence[int], degradation: str) -> str:
    text = json.dumps([names, arrays.tolist(), scales, degradation])
    return hashlib.sha256(text.encode()).hexdigest()


def listed(scales: Sequence[int]) -> str:
    """``2, 3 and 4``."""
    *others, last = map(str, scales)
    return f"{', '.join(others)} and {last}" if others else last
