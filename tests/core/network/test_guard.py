"""Whose fault an error is, where third-party code and our own run together."""

import errno
from types import SimpleNamespace
from typing import Any

import pytest

from qnas.core.errors import InputError
from qnas.core.network import dry_run as trial, guard

OURS = """
def run(guard, space, raises):
    with guard(space):
        raises()

def full_disk():
    raise OSError(28, "No space left on device")
"""


@pytest.fixture
def ours() -> dict[str, Any]:
    """Functions that belong to a file of qnas, as far as tracebacks can tell."""
    functions: dict[str, Any] = {}
    exec(compile(OURS, trial.__file__, "exec"), functions)
    return functions


def space(*, is_foreign: bool) -> SimpleNamespace:
    return SimpleNamespace(is_foreign=lambda: is_foreign, known_as="module")


def missing_file() -> None:
    raise OSError(errno.ENOENT, "No such file or directory")


def test_a_full_disk_is_not_blamed_on_the_network(ours):
    with pytest.raises(OSError, match="No space left") as caught:
        ours["run"](guard, space(is_foreign=True), ours["full_disk"])
    assert caught.value.errno == errno.ENOSPC


def test_what_third_party_code_raises_is_one_line_with_its_place(ours):
    with pytest.raises(InputError, match=r"the network of 'module' failed: FileNotFoundError: .*test_guard\.py:\d+"):
        ours["run"](guard, space(is_foreign=True), missing_file)


def test_our_own_errors_keep_their_traceback(ours):
    with pytest.raises(FileNotFoundError):
        ours["run"](guard, space(is_foreign=False), missing_file)
