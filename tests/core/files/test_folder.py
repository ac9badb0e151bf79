"""The run folder: whole files or nothing, and what is read back is checked."""

import errno
import json
import os
import stat
import sys

import pytest
import torch
from hypothesis import HealthCheck, given, settings, strategies as st

from qnas.core.errors import InputError
from qnas.core.files.atomic import write_atomically
from qnas.core.files.folder import RunFolder


def failing(error: BaseException):
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


FAILURES = [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt(), MemoryError()]


@pytest.mark.parametrize("error", FAILURES, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_write_that_fails_leaves_nothing(tmp_path, monkeypatch, step, error):
    monkeypatch.setattr(os, step, failing(error))
    with pytest.raises(type(error)):
        write_atomically(tmp_path / "a.bin", b"new")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", FAILURES, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_file_that_was_there(tmp_path, monkeypatch, step, error):
    path = tmp_path / "a.bin"
    write_atomically(path, b"old")
    monkeypatch.setattr(os, step, failing(error))
    with pytest.raises(type(error)):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_whole_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    path = tmp_path / "a.bin"
    write_atomically(path, b"old")
    order = []
    replace, fsync = os.replace, os.fsync

    def watched_fsync(handle: int) -> None:
        fsync(handle)
        is_folder = stat.S_ISDIR(os.fstat(handle).st_mode)
        order.append(("fsync folder" if is_folder else "fsync", path.read_bytes(), os.fstat(handle).st_size))

    def watched_replace(source, target) -> None:
        with open(source, "rb") as aside:  # noqa: PTH123
            order.append(("replace", path.read_bytes(), len(aside.read())))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "replace", watched_replace)
    write_atomically(path, b"x" * 100_000)
    *before, (last, content, _) = order
    assert before == [("fsync", b"old", 100_000), ("replace", b"old", 100_000)]
    assert (last, content) == ("fsync folder", b"x" * 100_000)  # so that its name survives a power cut
    assert path.read_bytes() == b"x" * 100_000


def test_folders_on_the_way_are_made(tmp_path):
    write_atomically(tmp_path / "a" / "b" / "c.txt", b"x")
    assert (tmp_path / "a" / "b" / "c.txt").read_bytes() == b"x"


def test_the_names_of_folders_that_are_made_stay_after_a_power_cut_too(tmp_path, monkeypatch):
    synced, fsync = [], os.fsync

    def watched(handle: int) -> None:
        fsync(handle)
        synced.append(os.fstat(handle).st_ino)

    monkeypatch.setattr(os, "fsync", watched)
    write_atomically(tmp_path / "a" / "b" / "c.txt", b"x")
    assert {folder.stat().st_ino for folder in (tmp_path, tmp_path / "a", tmp_path / "a/b")} <= set(synced)
    synced.clear()
    write_atomically(tmp_path / "a" / "b" / "d.txt", b"x")
    assert tmp_path.stat().st_ino not in synced  # it has had that name for a long time


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_files_can_be_read_by_others(tmp_path):
    write_atomically(tmp_path / "a.txt", b"x")
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o644


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    return RunFolder(tmp_path / "run")


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.text(),
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    )
)
def test_json_is_read_as_it_was_written(folder, data):
    folder.write_json("result.json", data)
    assert folder.read_json("result.json") == data


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_json_is_json_whatever_the_scores_are(folder, value):
    folder.write_json("result.json", {"psnr_y": value})

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    assert json.loads(folder.read_text("result.json"), parse_constant=refuse) == {"psnr_y": None}


def test_text_is_utf_8(folder):
    folder.write_text("a.txt", "Größe")
    assert (folder.path / "a.txt").read_bytes() == "Größe".encode()
    assert folder.read_text("a.txt") == "Größe"


def test_tensors_are_read_as_they_were_written(folder):
    tensors = {
        "kernel": torch.randn(4, 3, 5, 5, generator=torch.Generator().manual_seed(0)),
        "scalar": torch.tensor(1.5),
        "count": torch.tensor([1, 2], dtype=torch.int64),
        "half": torch.randn(3).bfloat16(),
    }
    laid_out = {
        **tensors,
        "last": tensors["kernel"].to(memory_format=torch.channels_last),
        "view": tensors["kernel"].transpose(0, 1)[1:],
        "parameter": torch.nn.Parameter(tensors["kernel"].clone()),
    }
    folder.write_tensors("model.safetensors", laid_out)
    read = folder.read_tensors("model.safetensors")
    assert set(read) == set(laid_out)
    for name, tensor in laid_out.items():
        assert read[name].dtype == tensor.dtype
        assert torch.equal(read[name], tensor.detach())


@pytest.mark.parametrize("content", [b"", b"{", b'{"psnr": 3', b"psnr = 3", b"\xff\xfe"], ids=repr)
def test_damaged_json_is_an_input_error_that_names_the_file(folder, content):
    folder.write_bytes("result.json", content)
    with pytest.raises(InputError) as caught:
        folder.read_json("result.json")
    assert str(caught.value).startswith(f"{folder.path / 'result.json'}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"[1]", b"null", b"3"], ids=repr)
def test_json_that_is_no_object_is_damaged_too(folder, content):
    folder.write_bytes("result.json", content)
    with pytest.raises(InputError, match=r"result\.json: is damaged"):
        folder.read_json("result.json")


@pytest.mark.parametrize("content", [b"", b"rubbish that is long enough", None], ids=["empty", "rubbish", "cut"])
def test_damaged_tensors_are_an_input_error_that_names_the_file(folder, content):
    folder.write_tensors("model.safetensors", {"a": torch.zeros(100)})
    whole = (folder.path / "model.safetensors").read_bytes()
    folder.write_bytes("model.safetensors", whole[:-8] if content is None else content)
    with pytest.raises(InputError, match=r"model\.safetensors: can't be read"):
        folder.read_tensors("model.safetensors")


@pytest.mark.parametrize("read", ["read_text", "read_json", "read_tensors"])
def test_a_missing_file_is_an_input_error_that_names_it(folder, read):
    with pytest.raises(InputError, match="nothing"):
        getattr(folder, read)("nothing")


def test_history_grows_by_a_line_a_record(folder):
    folder.begin_history("search")
    assert list(folder.history("search")) == []
    records = [{"step": 1, "psnr": 30.5}, {"step": 2, "labels": {"a": [1, 2]}}]
    for count, record in enumerate(records, start=1):
        folder.append_history("search", record)
        assert list(folder.history("search")) == records[:count]
    assert len((folder.path / "search" / "history.jsonl").read_text().splitlines()) == 2


def test_history_begins_anew_and_is_each_stages_own(folder):
    for stage in ("search", "train"):
        folder.begin_history(stage)
        folder.append_history(stage, {"stage": stage})
    folder.begin_history("search")
    assert list(folder.history("search")) == []
    assert list(folder.history("train")) == [{"stage": "train"}]


def test_a_stage_that_did_not_begin_has_no_history(folder):
    assert list(folder.history("train")) == []


def test_a_history_whose_last_line_was_cut_by_a_kill_is_damaged_and_named(folder):
    folder.begin_history("train")
    folder.append_history("train", {"step": 1})
    with (folder.path / "train" / "history.jsonl").open("a") as stream:
        stream.write('{"step": 2, "ps')
    with pytest.raises(InputError, match=r"history\.jsonl: is damaged"):
        list(folder.history("train"))


def test_an_existing_folder_is_refused_for_a_new_run(folder):
    folder.refuse_existing()
    folder.path.mkdir()
    with pytest.raises(InputError, match=r"run: .*--out.*--resume"):
        folder.refuse_existing()
