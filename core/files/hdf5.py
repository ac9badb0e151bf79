"""Third-party HDF5 files: only values that are stored plainly in the file itself are read.

The format allows values in other files (external links, external storage, virtual data sets), and values that code
found on the machine converts (filters). A pack needs none of this. Nor does it need texts of variable length: they are
stored in heaps, which have no checksum, and the library can read a heap with a wrong bit forever.
"""

from typing import Any

import h5py
import numpy as np


def plain_dataset(file: h5py.File, path: str) -> h5py.Dataset:
    """The data set at ``path``.

    Raises:
        ValueError: It is elsewhere, compressed, cut short, not a data set, or has values of variable length.
        KeyError: It does not exist.
    """
    part = file
    for name in path.split("/"):
        if not isinstance(part.get(name, getlink=True), h5py.HardLink):
            raise ValueError(f"{path} leads elsewhere")
        part = part[name]
    if not isinstance(part, h5py.Dataset):
        raise ValueError(f"{path} is not a data set")
    made = part.id.get_create_plist()
    if made.get_layout() != h5py.h5d.CONTIGUOUS or made.get_external_count() or made.get_nfilters():
        raise ValueError(f"{path} is not stored plainly in the file")
    _refuse_heap(part.dtype, path)
    if part.id.get_storage_size() < part.size * part.id.get_type().get_size():
        raise ValueError(f"{path} is cut short")  # or never written: then HDF5 would return any number of zeros
    return part


def plain_attribute(file: h5py.File, name: str) -> Any:
    """The attribute ``name``: a number, an array of numbers, or bytes.

    Raises:
        ValueError: It is of another kind.
        KeyError: It does not exist.
    """
    _refuse_heap(file.attrs.get_id(name).dtype, name)
    return file.attrs[name]


def _refuse_heap(dtype: np.dtype[Any], where: str) -> None:
    if dtype.kind not in "iuS":
        raise ValueError(f"{where} has values of the kind '{dtype.kind}'")
