"""HDF5 files that others wrote: of them is only read what stands in the file itself, as it is.

The format can also say that values are in other files (external links, external storage, virtual data sets), or that
code which is looked for on the machine turns them into others (filters). A pack needs none of this. Nor does it need
texts of any length: they stand in heaps, which have no checksum, and of which the library reads some for ever once a
bit is wrong.
"""

from typing import Any

import h5py
import numpy as np


def plain_dataset(file: h5py.File, path: str) -> h5py.Dataset:
    """The data set at ``path``.

    Raises:
        ValueError: It is elsewhere, compressed, cut short, of a length of its own for each value, or no data set.
        KeyError: It is not there.
    """
    part = file
    for name in path.split("/"):
        if not isinstance(part.get(name, getlink=True), h5py.HardLink):
            raise ValueError(f"{path} leads elsewhere")
        part = part[name]
    if not isinstance(part, h5py.Dataset):
        raise ValueError(f"{path} is no data set")
    made = part.id.get_create_plist()
    if made.get_layout() != h5py.h5d.CONTIGUOUS or made.get_external_count() or made.get_nfilters():
        raise ValueError(f"{path} is not in the file as it is")
    _refuse_heap(part.dtype, path)
    if part.id.get_storage_size() < part.size * part.id.get_type().get_size():
        raise ValueError(f"{path} is cut short")  # or never written: then there may be any number of zeros
    return part


def plain_attribute(file: h5py.File, name: str) -> Any:
    """A number, an array of them or bytes.

    Raises:
        ValueError: It is of another kind.
        KeyError: It is not there.
    """
    _refuse_heap(file.attrs.get_id(name).dtype, name)
    return file.attrs[name]


def _refuse_heap(dtype: np.dtype[Any], where: str) -> None:
    if dtype.kind not in "iuS":
        raise ValueError(f"{where} has values of the kind '{dtype.kind}'")
