"""Where decoded images are kept, and which digest they have."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from qnas.core.components import Dataset, Degradation, SourceImage
from qnas.core.images.cache import cache_folder, cached_pack, digest_of, own_pack
from qnas.core.images.loading import load_images
from qnas.core.images.pack import HR, Pack, new_pack

MATLAB = Degradation.of("matlab")

pytestmark = pytest.mark.usefixtures("cache")


class Gray(Dataset):
    """One image of one value."""

    value: int = 0

    def images(self, scale: int) -> Iterator[SourceImage]:
        yield SourceImage("gray", np.full((12, 12, 3), self.value, dtype=np.uint8))

    def count(self) -> int:
        return 1


def test_the_cache_is_where_the_environment_says_or_the_users_own(monkeypatch, tmp_path):
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("QNAS_CACHE")
    assert cache_folder().name == "qnas"


def test_images_have_a_digest_once_they_are_cached_which_changes_with_them():
    assert digest_of(Gray(), 2, MATLAB) == ""
    load_images(Gray(), 2, MATLAB)
    digest = digest_of(Gray(), 2, MATLAB)
    assert digest == cached_pack(Gray(), 2, MATLAB).digest != ""
    load_images(Gray(value=1), 2, MATLAB)
    assert digest_of(Gray(value=1), 2, MATLAB) not in {"", digest}


def test_images_in_a_pack_have_its_digest_and_are_not_cached(tmp_path: Path, cache: Path):
    path = tmp_path / "images.h5"
    with new_pack(path, (2,), "matlab") as pack:
        pack.add("a", {HR: np.zeros((8, 8, 3), dtype=np.uint8), 2: np.zeros((4, 4, 3), dtype=np.uint8)})
    dataset = Dataset.of({"name": "pack", "path": str(path)})
    assert own_pack(Gray()) is None
    assert digest_of(dataset, 2, MATLAB) == Pack(path).digest
    assert len(load_images(dataset, 2, MATLAB)) == 1
    assert not cache.exists()


def test_a_damaged_pack_has_no_digest(tmp_path: Path):
    (tmp_path / "images.h5").write_bytes(b"no pack")
    assert digest_of(Dataset.of({"name": "pack", "path": str(tmp_path / "images.h5")}), 2, MATLAB) == ""


def test_cache_files_keep_their_names_and_so_what_is_in_them(cache: Path):
    """A name that changes would have every user decode every image again."""
    load_images(Dataset.of({"name": "dead-leaves", "amount": 6, "size": 64}), 2, MATLAB)
    assert [file.name for file in cache.iterdir()] == ["images-82640413f90efc843930b0d7854159a4.h5"]
