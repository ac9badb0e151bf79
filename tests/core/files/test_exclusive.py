"""Only one process at a time works in a folder."""

import contextlib
import errno
import json
import os
import re
import signal
import socket
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from qnas.core.errors import InputError
from qnas.core.files.exclusive import FILE, HOLDER, STAND_IN, exclusive

fcntl = pytest.importorskip("fcntl")


@contextlib.contextmanager
def another_in(folder: Path) -> Iterator[int]:
    """The id of another process that is at work in the folder. It is killed in the end, and cleans nothing up."""
    ready, told = os.pipe()
    process = os.fork()
    if process == 0:
        with contextlib.suppress(BaseException), exclusive(folder):
            os.write(told, b"x")
            signal.pause()
        os._exit(1)
    os.close(told)
    try:
        assert os.read(ready, 1) == b"x"
        yield process
    finally:
        os.close(ready)
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)


def left_by(process: int, host: str, folder: Path) -> None:
    (folder / HOLDER).write_text(json.dumps([process, host, "2026-01-02 03:04:05"]))


@pytest.fixture
def no_locks(monkeypatch):
    """A file system without locks."""

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", fail)


def test_a_second_process_is_refused_and_told_who_is_there(tmp_path):
    with another_in(tmp_path) as process:
        said = rf"^{tmp_path}: process {process} on {re.escape(socket.gethostname())}, since \d{{4}}-.*, is at work in"
        with pytest.raises(InputError, match=said), exclusive(tmp_path):
            pass
        assert (tmp_path / FILE).exists()


def test_the_lock_of_a_process_that_was_killed_is_none(tmp_path):
    with another_in(tmp_path):
        pass
    assert (tmp_path / FILE).exists()
    with warnings.catch_warnings(action="error"), exclusive(tmp_path):
        assert json.loads((tmp_path / HOLDER).read_text())[0] == os.getpid()
    assert list(tmp_path.iterdir()) == []


def test_the_folder_is_free_after_a_failure_and_can_be_entered_again(tmp_path):
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), exclusive(tmp_path):
            raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_one_process_can_work_in_two_folders_but_not_twice_in_one(tmp_path):
    (tmp_path / "inner").mkdir()
    with exclusive(tmp_path), exclusive(tmp_path / "inner"):
        with pytest.raises(InputError, match="is at work in this folder"), exclusive(tmp_path):
            pass
        assert (tmp_path / FILE).exists()


def test_whose_file_was_removed_meanwhile_is_not_the_holder(tmp_path, monkeypatch):
    """The holder removes the file and ends between our opening and our locking it."""
    flock, calls = fcntl.flock, []

    def removing(handle: int, how: int) -> None:
        flock(handle, how)
        calls.append(handle)
        if len(calls) == 1:
            (tmp_path / FILE).unlink()

    monkeypatch.setattr(fcntl, "flock", removing)
    with exclusive(tmp_path), pytest.raises(InputError), exclusive(tmp_path):
        pass
    assert len(calls) > 2


def test_what_a_process_of_another_machine_left_is_told(tmp_path):
    left_by(7, "elsewhere", tmp_path)
    said = "process 7 on elsewhere, since 2026-01-02 03:04:05, did not finish"
    with pytest.warns(UserWarning, match=said), exclusive(tmp_path):
        pass


@pytest.mark.parametrize("is_there", [True, False])
def test_a_link_in_its_place_is_refused_and_not_followed(tmp_path, is_there):
    target = tmp_path / "mine"
    if is_there:
        target.write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / FILE).symlink_to(target)
    said = rf"{FILE}: is a link, and must be a file or nothing: remove it"
    with pytest.raises(InputError, match=said), exclusive(tmp_path / "folder"):
        pass
    assert (target.read_text() if is_there else target.exists()) == ("mine" if is_there else False)


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff", b"[null, 1, 2]", b"9" * 5000])
def test_a_file_that_says_nothing_is_no_holder(tmp_path, content):
    (tmp_path / HOLDER).write_bytes(content)
    with warnings.catch_warnings(action="error"), exclusive(tmp_path):
        pass


def test_without_locks_a_live_process_is_believed_and_a_dead_one_recognised(tmp_path, no_locks):
    with another_in(tmp_path) as process:
        said = rf"process {process} on .*, is at work in this folder; if it is gone, remove .*{STAND_IN}$"
        with pytest.raises(InputError, match=said), exclusive(tmp_path):
            pass
    with exclusive(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_without_locks_a_process_of_another_machine_has_to_be_believed(tmp_path, no_locks, monkeypatch):
    with another_in(tmp_path):
        pass
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
    with pytest.raises(InputError, match=r"process .* is at work .* if it is gone, remove"), exclusive(tmp_path):
        pass


def test_a_folder_that_can_not_be_locked_is_named(tmp_path, monkeypatch):
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(fcntl, "flock", fail)
    with pytest.raises(OSError, match="Input/output error") as caught, exclusive(tmp_path):
        pass
    assert caught.value.filename == str(tmp_path / FILE)
