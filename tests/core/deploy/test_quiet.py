"""Silence: what libraries write past Python to the process's standard error."""

import contextlib
import logging
import os
import subprocess
import sys
import warnings

import pytest

from qnas.core.deploy.quiet import quiet

WARNING = b"\x1b[0;93m[W:runtime] no device was found\x1b[m\n"
CLOSED = """
import os
from qnas.core.deploy.quiet import quiet
os.close(2)
with quiet():
    pass
print("went on")
"""


def be_loud() -> None:
    os.write(2, WARNING)
    subprocess.run([sys.executable, "-c", "import sys; print('a child', file=sys.stderr)"], check=True)
    print("printed")
    print("printed as an error", file=sys.stderr)
    warnings.warn("a warning", UserWarning, stacklevel=2)
    logging.getLogger("library").error("logged")


def test_nothing_reaches_the_terminal_and_the_log_has_what_was_written(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "qnas.deploy"), quiet():
        be_loud()
    assert capfd.readouterr() == ("", "")
    assert caplog.messages == [WARNING.decode().strip(), "a child"]


def test_afterwards_standard_error_is_what_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    print("before", end=" ", file=sys.stderr)
    with pytest.raises(ZeroDivisionError), quiet():
        os.write(2, WARNING)
        with quiet():
            os.write(2, WARNING)
        raise ZeroDivisionError
    os.write(2, b"after")
    assert capfd.readouterr().err == "before after"


def lowest_free() -> int:
    descriptor = os.dup(2)
    os.close(descriptor)
    return descriptor


def test_descriptors_do_not_pile_up() -> None:
    before = lowest_free()
    with contextlib.suppress(ZeroDivisionError), quiet():
        raise ZeroDivisionError
    assert lowest_free() == before


@pytest.mark.slow
def test_a_closed_standard_error_is_no_failure() -> None:
    done = subprocess.run([sys.executable, "-c", CLOSED], check=True, capture_output=True, text=True)
    assert done.stdout == "went on\n"
