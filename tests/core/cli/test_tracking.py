"""``--tracker``: how trackers are found, made and closed."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import qnas
from qnas.core.cli.tracking import tracking
from qnas.core.errors import InputError
from qnas.core.registry import Entry, plugins


class Recorder(qnas.Tracker):
    """Records what it hears."""

    heard: list[str] = []

    @qnas.hookimpl
    def qnas_stage_began(self, stage: str) -> None:
        self.heard.append(stage)

    def close(self) -> None:
        self.heard.append("closed")
        raise RuntimeError("the server is gone")


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    home = ModuleType("qnas_of_a_tracker")
    vars(home)["Recorder"] = Recorder
    monkeypatch.setitem(sys.modules, home.__name__, home)
    monkeypatch.setattr(Recorder, "heard", [])
    entry = Entry("recorder", f"{home.__name__}:Recorder", "Records", "tests")
    plugins().trackers.add(entry)
    yield entry.name
    plugins().trackers.remove(entry)


def test_it_hears_a_run_once_and_is_closed_whatever_happens(recorder: str) -> None:
    from qnas.core.registry import Events

    with (
        pytest.warns(qnas.QnasWarning, match="the tracker 'recorder' failed at its end: .*the server is gone"),
        pytest.raises(KeyboardInterrupt),
        tracking([recorder, recorder]),
    ):
        Events().tell("qnas_stage_began", folder=None, stage="train", steps=1)
        raise KeyboardInterrupt
    Events().tell("qnas_stage_began", folder=None, stage="later", steps=1)
    assert Recorder.heard == ["train", "closed"]


def test_a_tracker_that_there_is_not_is_refused_with_the_nearest() -> None:
    with pytest.raises(InputError) as caught, tracking(["tensorbord"]):
        pass
    what = "no tracker is named 'tensorbord'; did you mean 'tensorboard'? (trackers: tensorboard)"
    assert str(caught.value) == f"--tracker: {what}"


@pytest.mark.slow
def test_nothing_of_it_is_imported_unless_it_is_asked_for(tiny: Path, tmp_path: Path) -> None:
    code = (
        "import sys\nfrom qnas.core.cli.main import main\n"
        f"sys.argv = ['qnas', 'run', {str(tiny)!r}, '--out', {str(tmp_path / 'run')!r}, '--until', 'search']\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "assert not [name for name in sys.modules if 'tensorboard' in name or 'qnas.plugins.trackers' in name]"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_command_that_goes_on_names_the_trackers() -> None:
    from qnas.core.cli.commands.run import _command

    command = _command(Path("spec.yaml"), None, True, (), "report", 60.0, ("tensorboard", "mine"))
    assert command[-5:] == ["--tracker", "tensorboard", "--tracker", "mine", "--resume"]
