"""A stranger's packs: HDF5 features beyond plain values are refused, and so is a misleading index."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from qnas.core.errors import InputError
from qnas.core.images.pack import HR, Pack, _checksum, new_pack

NAMES = ("a", "b")


def pixels(side: int) -> np.ndarray:
    return np.random.default_rng(side).integers(0, 256, (side, side, 3), dtype=np.uint8)


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    path = tmp_path / "stranger.h5"
    with new_pack(path, (2,), "matlab") as writer:
        for name in NAMES:
            writer.add(name, {HR: pixels(8), 2: pixels(4)})
    assert Pack(path).names == NAMES
    return path


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file outside the pack, with values that would fit in it."""
    path = tmp_path / "secret.h5"
    with h5py.File(path, "w") as file:
        file["names"] = np.array([b"x", b"y"])
        file["block"] = np.arange(480, dtype=np.uint8)
    (tmp_path / "secret.raw").write_bytes(bytes(480))
    return path


def external_link(file: h5py.File, secret: Path) -> None:
    del file["names"]
    file["names"] = h5py.ExternalLink(secret.name, "names")


def external_link_to_a_group(file: h5py.File, secret: Path) -> None:
    del file["pixels"]
    file["pixels"] = h5py.ExternalLink(secret.name, "/")


def soft_link(file: h5py.File, secret: Path) -> None:
    file.move("names", "others")
    file["names"] = h5py.SoftLink("/others")


def virtual(file: h5py.File, secret: Path) -> None:
    del file["pixels/0"]
    layout = h5py.VirtualLayout((480,), np.uint8)
    layout[:] = h5py.VirtualSource(secret, "block", (480,))
    file.create_virtual_dataset("pixels/0", layout)


def external_storage(file: h5py.File, secret: Path) -> None:
    del file["pixels/0"]
    where = [(str(secret.with_suffix(".raw")), 0, 480)]
    file.create_dataset("pixels/0", (480,), np.uint8, external=where)


def compressed(file: h5py.File, secret: Path) -> None:
    content = file["pixels/0"][()]
    del file["pixels/0"]
    file.create_dataset("pixels/0", data=content, compression="gzip")


def bomb(file: h5py.File, secret: Path) -> None:
    del file["arrays"]
    file.create_dataset("arrays", (2**40, 2, 5), np.int64)  # a petabyte of zeros that takes no space


def of_any_length(file: h5py.File, secret: Path) -> None:
    del file["names"]
    file.create_dataset("names", data=list(NAMES), dtype=h5py.string_dtype())


def attribute_of_any_length(file: h5py.File, secret: Path) -> None:
    file.attrs["degradation"] = "matlab"


def group_for_values(file: h5py.File, secret: Path) -> None:
    del file["arrays"]
    file.create_group("arrays")


TRICKS = [
    external_link,
    external_link_to_a_group,
    soft_link,
    virtual,
    external_storage,
    compressed,
    bomb,
    of_any_length,
    attribute_of_any_length,
    group_for_values,
]


@pytest.mark.parametrize("trick", TRICKS, ids=lambda trick: trick.__name__)
def test_what_leads_out_of_the_file_or_makes_more_of_it_is_refused(
    trick: Callable[[h5py.File, Path], None], pack: Path, secret: Path
) -> None:
    with h5py.File(pack, "a") as file:
        trick(file, secret)
    with pytest.raises(InputError, match=r"stranger\.h5: is cut short or damaged: make it again with qnas data pack"):
        Pack(pack)


def change(place: tuple[int, ...], value: int) -> Callable[[np.ndarray], None]:
    return lambda arrays: arrays.__setitem__(place, value)


@pytest.mark.parametrize(
    "lie",
    [
        change((0, 0, 0), 1),
        change((0, 0, 0), -1),
        change((0, 0, 0), 2**62),
        change((0, 0, 1), -3),
        change((1, 1, 1), 477),
        change((0, 0, 1), 2**62),
        change((0, 0, 2), 0),
        change((0, 0, 2), 11),
        change((0, 0, 3), 2**40),
        change((1, 1, 3), 3),
        change((1, 1, 2), -4),
    ],
)
def test_an_index_that_leads_astray_is_refused_though_its_checksum_is_right(
    lie: Callable[[np.ndarray], None], pack: Path
) -> None:
    with h5py.File(pack, "a") as file:
        arrays = file["arrays"][()]
        lie(arrays)
        file["arrays"][()] = arrays
        file.attrs["checksum"] = np.bytes_(_checksum(NAMES, arrays, (2,), "matlab").encode())
    with pytest.raises(InputError, match="is cut short or damaged"):
        Pack(pack)


@pytest.mark.parametrize(
    ("names", "scales"), [(("a", "a"), (2,)), (("a", "b"), (0,)), (("a", "b"), (-2,)), (("a", "b"), ())]
)
def test_names_and_scales_that_can_not_be_are_refused(
    names: tuple[str, ...], scales: tuple[int, ...], pack: Path
) -> None:
    with h5py.File(pack, "a") as file:
        file["names"][()] = [name.encode() for name in names]
        file.attrs["scales"] = np.array(scales, dtype=np.int64)
        file.attrs["checksum"] = np.bytes_(_checksum(names, file["arrays"][()], scales, "matlab").encode())
    with pytest.raises(InputError, match="is cut short or damaged"):
        Pack(pack)
