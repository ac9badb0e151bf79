"""run.log: everything that a run did and met. Warnings of libraries are not shown to the user."""

import errno
import logging
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qnas.core.cli.main import invoke
from qnas.core.cli.terminal import verbosity
from qnas.core.errors import QnasWarning, UnexpectedError
from qnas.core.files.folder import RunFolder
from qnas.core.registry import hookimpl, listening
from qnas.core.run import log as run_log
from qnas.core.run.run import run_spec
from qnas.core.spec import load_spec

pytestmark = pytest.mark.slow

LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d{4} (INFO|WARNING|ERROR) +(.*)")


@pytest.fixture(autouse=True)
def as_the_command_line_warns(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(warnings, "showwarning", verbosity._show)
    handlers = list(logging.getLogger().handlers)
    logging.getLogger().addHandler(logging.NullHandler())
    yield
    logging.getLogger().handlers[:] = handlers


class Meddling:
    """A plugin that does something at the first step of the training."""

    def __init__(self, do: Any) -> None:
        self._do = do

    @hookimpl
    def qnas_step(self, stage: str, step: int) -> None:
        if stage == "train" and step == 1:
            self._do()


def told(folder: Path) -> list[tuple[str, str]]:
    """The kind and the first line of everything in the log."""
    lines = (folder / "run.log").read_text().splitlines()
    assert all(LINE.fullmatch(line) or line.startswith("  ") for line in lines)
    return [found.groups() for line in lines if (found := LINE.fullmatch(line))]  # type: ignore[misc]


def test_it_tells_the_command_the_versions_the_stages_and_the_validations(tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run_spec(load_spec(tiny), RunFolder(out), command=["qnas", "run", "a spec.yaml"])
    texts = [text for kind, text in told(out) if kind == "INFO"]
    assert texts[:3] == ["qnas run 'a spec.yaml'", "data begins", "data ended"]
    assert re.search(r"^qnas \S+, torch \S+, .*; Python 3\.\d+\.\d+ on ", texts[3])
    assert re.fullmatch(r"device cpu \(.*\), \d+ threads", texts[4])
    begun = [text.split()[0] for text in texts if " begins" in text]
    assert begun == ["data", "search", "derive", "train", "evaluate", "report"]
    assert sum("search validated after step" in text for text in texts) == 3
    assert any(re.fullmatch(r"train validated after step 6: loss [\d.]+, psnr [\d.]+", text) for text in texts)
    assert any(re.fullmatch(r"train ended after [\d.]+ s", text) for text in texts)


def test_it_goes_on_when_the_run_does(tiny: Path, tmp_path: Path) -> None:
    out, spec = tmp_path / "out", load_spec(tiny)
    run_spec(spec, RunFolder(out), until="search", command=["first"])
    before = (out / "run.log").read_text()
    run_spec(spec, RunFolder(out), resume=True, until="derive", command=["second"])
    assert (out / "run.log").read_text().startswith(before)
    texts = [text for _, text in told(out)]
    assert texts.index("second") > texts.index("first")
    assert texts.count("derive begins") == 1


def test_a_command_that_is_refused_writes_to_no_run(tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert invoke(["run", str(tiny), "--out", str(out), "--until", "search"]) == 0
    before = (out / "run.log").read_text()
    assert invoke(["run", str(tiny), "--out", str(out)]) == 2
    assert invoke(["run", str(tiny), "--out", str(out), "--resume", "--set", "seed=8"]) == 2
    assert (out / "run.log").read_text() == before


SAYS_NOTHING = ("--set", "search={name: random, samples: 1, steps: 2, batch: 2, tuning: 0}")
"""A search without notices of its own."""


def warn() -> None:
    warnings.warn("of a library", UserWarning, stacklevel=1)
    warnings.warn("of ours", QnasWarning, stacklevel=1)
    logging.getLogger("matplotlib.font_manager").warning("no such font")


@pytest.mark.parametrize("is_verbose", [False, True])
def test_what_libraries_warn_of_is_in_the_log_and_shown_to_who_asks(
    is_verbose: bool, tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    warnings.simplefilter("always")
    with listening(Meddling(warn)):
        assert invoke(["run", str(tiny), "--out", str(out), *SAYS_NOTHING, *(["-v"] if is_verbose else [])]) == 0
    shown = capsys.readouterr().err
    assert shown.count("warning: of ours\n") == 1
    assert shown.count("warning: of a library (UserWarning, ") == shown.count("of a library") == is_verbose
    assert shown.count("warning: no such font\n") == shown.count("no such font") == is_verbose
    assert shown.count("info: device cpu") == is_verbose
    warned = [text for kind, text in told(out) if kind == "WARNING"]
    assert re.fullmatch(r"of a library \(UserWarning, .*test_run_log\.py:\d+\)", warned[0])
    assert warned[1:] == ["of ours", "no such font"]


def test_nothing_of_it_stays_when_the_run_has_ended(tiny: Path, tmp_path: Path) -> None:
    show, handlers = warnings.showwarning, list(logging.getLogger().handlers)
    assert invoke(["run", str(tiny), "--out", str(tmp_path / "out"), "--until", "search", "-v"]) == 0
    assert warnings.showwarning is show
    assert logging.getLogger().handlers == handlers
    assert not verbosity._is_verbose


@pytest.fixture
def bug(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in a stage."""

    def broken(*_: object) -> dict[str, Any]:
        raise LookupError("the third of two")

    monkeypatch.setitem(run_stages(), "train", broken)


def run_stages() -> dict[str, Any]:
    from qnas.core.run import engine

    return engine.WORK  # type: ignore[return-value]


@pytest.mark.parametrize("is_verbose", [False, True])
def test_a_mistake_of_ours_ends_in_one_line_that_says_where_to_read(
    is_verbose: bool, bug: None, tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert invoke(["run", str(tiny), "--out", str(out), *(["-v"] if is_verbose else [])]) == 1
    shown = capsys.readouterr().err
    last = shown.splitlines()[-1]
    assert "LookupError: the third of two" in last
    assert last.endswith(f"the traceback is in {out / 'run.log'}")
    assert ("Traceback (most recent call last)" in shown) == is_verbose
    text = (out / "run.log").read_text()
    assert "ERROR   failed: the third of two\n  Traceback (most recent call last):\n" in text
    assert "in broken\n" in text


def test_python_gets_it_too_with_its_cause(bug: None, tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(UnexpectedError) as caught:
        run_spec(load_spec(tiny), RunFolder(tmp_path / "out"))
    assert isinstance(caught.value.__cause__, LookupError)


def test_before_there_is_a_folder_a_mistake_shows_itself(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise LookupError("the third of two")

    monkeypatch.setattr("qnas.core.run.run.load_run_images", broken)
    with pytest.raises(LookupError):
        run_spec(load_spec(tiny), RunFolder(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_plugin_that_fails_leaves_its_traceback(tiny: Path, tmp_path: Path) -> None:
    def fail() -> None:
        raise ZeroDivisionError("of a plugin")

    warnings.simplefilter("always")
    with listening(Meddling(fail)):
        run_spec(load_spec(tiny), RunFolder(tmp_path / "out"), until="train")
    text = (tmp_path / "out/run.log").read_text()
    assert re.search(r"WARNING \S+ failed in qnas_step and is not called again: ZeroDivisionError: of a plugin", text)
    assert re.search(r"INFO +the traceback of .*\n  Traceback \(most recent call last\):", text)
    assert ", in fail\n" in text


def test_a_run_that_is_stopped_says_so(tiny: Path, tmp_path: Path) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with listening(Meddling(stop)), pytest.raises(KeyboardInterrupt):
        run_spec(load_spec(tiny), RunFolder(tmp_path / "out"))
    assert told(tmp_path / "out")[-1] == ("INFO", "stopped")


def test_an_error_that_the_user_made_is_there_with_its_traceback(tiny: Path, tmp_path: Path) -> None:
    out, spec = tmp_path / "out", load_spec(tiny)
    run_spec(spec, RunFolder(out), until="train")
    (out / "model.safetensors").write_bytes(b"")
    assert invoke(["run", str(tiny), "--out", str(out), "--resume"]) == 2
    kind, text = told(out)[-1]
    assert (kind, "model.safetensors: can't be read" in text) == ("ERROR", True)
    assert "Traceback" in (out / "run.log").read_text()


def test_a_log_that_can_not_be_written_is_told_once_and_stops_no_run(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.open

    def full(path: Path, *arguments: Any, **options: Any) -> Any:
        if path.name == "run.log":
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", full)
    out = tmp_path / "out"
    assert invoke(["run", str(tiny), "--out", str(out), *SAYS_NOTHING]) == 0
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning: ")]
    assert said == [f"warning: {out / 'run.log'} is not written any more: No space left on device"]
    assert (out / "report.html").exists()


def test_text_of_others_moves_no_cursor_of_who_reads_it(tmp_path: Path) -> None:
    log = run_log.RunLog(RunFolder(tmp_path))
    log.begin()
    log.handle(logging.makeLogRecord({"msg": "a\x1b[2J\r\u202eb\u2028c\nd\te", "levelname": "INFO"}))
    text = (tmp_path / "run.log").read_bytes().decode()
    assert text.endswith(" a\\x1b[2J\\r\\u202eb\\u2028c\n  d\te\n")


def test_odd_text_is_written_as_it_can_be(tmp_path: Path) -> None:
    log = run_log.RunLog(RunFolder(tmp_path))
    log.begin()
    log.handle(logging.makeLogRecord({"msg": "é \udc80\nand more", "levelname": "INFO"}))
    assert (tmp_path / "run.log").read_text().splitlines()[0].endswith("é \\udc80")
