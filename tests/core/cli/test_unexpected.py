"""A bug in qnas or in a plugin: first what to report, then one line that says so."""

from pathlib import Path

import pytest

from qnas.core.cli.main import invoke

LAST = "this is a bug in qnas or in a plugin: please report it with the traceback above"


def broken(*_: object) -> None:
    raise LookupError("the third of \x1b[2Jtwo")


def test_the_last_line_says_what_it_is_and_the_traceback_stands_above(
    tiny: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qnas.core.run.images.check_sets", broken)
    assert invoke(["check", str(tiny)]) == 1
    first, *between, last = capsys.readouterr().err.splitlines()
    assert f'  File "{__file__}", line {broken.__code__.co_firstlineno + 1}, in broken' in between
    assert first == "Traceback (most recent call last):"
    assert last == rf"something unexpected happened: LookupError: the third of \x1b[2Jtwo; {LAST}"


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("CUDA out of memory. Tried ...")])
def test_that_there_is_too_little_memory_is_no_mistake(
    error: Exception, tiny: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*_: object) -> None:
        raise error

    monkeypatch.setattr("qnas.core.run.images.check_sets", exhausted)
    assert invoke(["check", str(tiny)]) == 1
    assert capsys.readouterr().err == "out of memory: lower the batch, data.patch or the space's channels\n"
