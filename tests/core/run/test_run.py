"""The messages if a run is resumed elsewhere, or with other images."""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from qnas.core.errors import InputError, QnasWarning
from qnas.core.files.folder import RunFolder
from qnas.core.processor import instruction_set
from qnas.core.run.names import ENVIRONMENT, IMAGES
from qnas.core.run.resuming.environment import environment, warn_of_changes
from qnas.core.run.run import run_spec
from qnas.core.spec import Spec, load_spec, read_spec


def told(folder: RunFolder, facts: Mapping[str, Any], digests: Mapping[str, str] | None = None) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_changes(folder, facts, digests or {})
    assert all(warning.category is QnasWarning for warning in caught)
    return [str(warning.message).removeprefix(f"{folder.path}: ") for warning in caught]


@pytest.fixture
def facts() -> dict[str, Any]:
    return environment(0, torch.device("cpu"), ["qnas"])


@pytest.fixture
def folder(tmp_path: Path, facts: Mapping[str, Any]) -> RunFolder:
    made = RunFolder(tmp_path / "run")
    made.write_json(ENVIRONMENT, facts)
    made.write_json(IMAGES, {"data.train": "abc", "data.test.leaves": "def"})
    return made


def test_on_the_same_machine_nothing_is_said(folder, facts):
    assert told(folder, {**facts, "command": ["other"], "platform": "other", "python": "9"}) == []


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"threads": 77}, "threads was {threads} and is 77"),
        ({"device_name": "Fast 1"}, "device_name was {device_name} and is Fast 1"),
        ({"instructions": "ABACUS"}, "instructions was {instructions} and is ABACUS"),
        ({"packages": {"torch": "0.4"}}, "torch was {packages[torch]} and is 0.4"),
        ({"packages": {"numpy": "1.0"}}, "numpy was {packages[numpy]} and is 1.0"),
    ],
)
def test_what_differs_is_named(changes, what, folder, facts):
    now = {**facts, **changes, "packages": {**facts["packages"], **changes.get("packages", {})}}
    assert told(folder, now) == [
        f"it is not on what it began on (environment.json): {what.format(**facts)}; it goes on, but need not end with"
        " the same bytes"
    ]


def test_a_run_from_before_processors_were_named_is_on_the_same(folder, facts):
    folder.write_json(ENVIRONMENT, {**facts, "device_name": instruction_set()})
    assert told(folder, facts) == []
    assert "is a GPU" in told(folder, {**facts, "device_name": "a GPU"})[0]


def test_all_that_differs_is_in_one_line(folder, facts):
    (line,) = told(folder, {**facts, "threads": 77, "device_name": "Fast 1"})
    assert "device_name was" in line
    assert "threads was" in line


@pytest.mark.parametrize("before", [None, {}, {"threads": None, "packages": 3}, {"packages": {"pillow": "1"}}])
def test_what_is_not_known_is_not_compared(before, folder, facts):
    (folder.path / ENVIRONMENT).unlink()
    (folder.path / IMAGES).unlink()
    if before is not None:
        folder.write_json(ENVIRONMENT, before)
    lines = told(folder, facts, {"data.train": "xyz"})
    assert [line for line in lines if "threads" not in line] == []
    assert len(lines) == ("threads" in (before or {}))


@pytest.mark.parametrize("name", [ENVIRONMENT, IMAGES])
def test_a_record_that_is_damaged_is_refused(name, folder, facts):
    (folder.path / name).write_text('{"threads')
    with pytest.raises(InputError, match="is damaged"):
        warn_of_changes(folder, facts, {})


def test_images_that_differ_are_named(folder, facts):
    assert told(folder, facts, {"data.train": "abc", "data.test.new": "ghi"}) == []
    assert told(folder, facts, {"data.train": "xyz", "data.test.leaves": "def"}) == [
        "the images of data.train are not those that it began with (images.json); it goes on with those of now"
    ]


def with_folder(tiny: Path) -> tuple[Spec, Path]:
    """The small spec with images in a folder to train with."""
    images = tiny.parent / "images"
    images.mkdir()
    for index in range(8):
        noise = np.random.default_rng(index).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(noise).save(images / f"{index}.png")
    return read_spec(tiny, [f"data.train={{name: folder, path: {images}}}"]).spec, images


def test_a_run_that_goes_on_with_other_images_says_so(tiny: Path):
    spec, images = with_folder(tiny)
    folder = RunFolder(tiny.parent / "run")
    run_spec(spec, folder, until="search")
    kept = json.loads((folder.path / IMAGES).read_text())
    assert list(kept) == ["data.train", "data.test.leaves"]
    with warnings.catch_warnings(action="error"):
        (images / "0.png").touch()  # for the cache, it is another file with the same pixels
        run_spec(spec, folder, resume=True, until="derive")
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(images / "0.png")
    with pytest.warns(QnasWarning, match=r"the images of data\.train are not those that it began with"):
        run_spec(spec, folder, resume=True, until="train")
    assert json.loads((folder.path / IMAGES).read_text()) == kept


def test_a_run_that_goes_on_with_other_threads_says_so(tiny: Path):
    folder, threads = RunFolder(tiny.parent / "run"), torch.get_num_threads()
    run_spec(load_spec(tiny), folder, until="search")
    try:
        torch.set_num_threads(threads + 1)
        with pytest.warns(QnasWarning, match=f"threads was {threads} and is {threads + 1}"):
            run_spec(load_spec(tiny), folder, resume=True, until="derive")
    finally:
        torch.set_num_threads(threads)
    assert f"threads was {threads} and is {threads + 1}" in (folder.path / "run.log").read_text()
    assert folder.read_json(ENVIRONMENT)["threads"] == threads


def test_images_that_could_not_be_cached_are_not_compared(tiny: Path, monkeypatch: pytest.MonkeyPatch):
    blocked = tiny.parent / "file"
    blocked.touch()
    monkeypatch.setenv("QNAS_CACHE", str(blocked / "cache"))
    folder = RunFolder(tiny.parent / "run")
    with pytest.warns(QnasWarning, match="images are not cached"):
        run_spec(load_spec(tiny), folder, until="search")
    assert folder.read_json(IMAGES) == {}
