"""``qnas.load_spec``, ``qnas.run`` and ``qnas.search``, as a program or a notebook uses them."""

import os
import signal
import warnings
from pathlib import Path

import pytest
from PIL import Image

import qnas
from qnas.core.cli.main import invoke
from qnas.core.registry import listening

from .conftest import IMAGES, SMALL, SPACE, TEST

pytestmark = pytest.mark.filterwarnings("ignore::qnas.QnasWarning")


class Interrupting:
    """Presses Ctrl-C at a step of the search."""

    def __init__(self, step: int, times: int = 1) -> None:
        self.step, self.times = step, times

    @qnas.hookimpl
    def qnas_step(self, stage: str, step: int) -> None:
        if (stage, step) == ("search", self.step):
            for _ in range(self.times):
                os.kill(os.getpid(), signal.SIGINT)


def test_a_spec_is_loaded_with_values_by_their_paths(tiny: Path) -> None:
    spec = qnas.load_spec(tiny, {"search.steps": 9, "space.bits": [2, 4], "limits": {"bitops": "60M"}})
    assert spec.search.steps == 9
    assert spec.limits["bitops"] == 60_000_000
    assert spec == qnas.load_spec(str(tiny), ["search.steps=9", "space.bits=[2, 4]", "limits={bitops: 60M}"])


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"search.stpes": 9}, r"overrides search\.stpes: unknown field; did you mean 'steps'"),
        ({"limits.bitops": "1k"}, r"limits\.bitops: must be at least [0-9,]+ BitOps, what the cheapest"),
        (["search.steps"], "must be key=value"),
    ],
)
def test_a_wrong_override_is_one_line(overrides, message: str, tiny: Path) -> None:
    with pytest.raises(qnas.InputError, match=message) as caught:
        qnas.load_spec(tiny, overrides)
    assert "\n" not in str(caught.value)
    assert caught.value.__suppress_context__
    assert len(caught.traceback) <= 2  # this test, and where it was raised


@pytest.mark.slow
def test_a_run_is_that_of_the_command_line_to_the_byte(tiny: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = qnas.run(qnas.load_spec(tiny), tiny.parent / "python")
    assert capfd.readouterr() == ("", "")
    assert invoke(["run", str(tiny), "--out", str(tiny.parent / "command")]) == 0
    assert run.path == tiny.parent / "python"
    for name in ("spec.yaml", "architecture.json", "model.safetensors", "search/supernet.safetensors"):
        assert (run.path / name).read_bytes() == (tiny.parent / "command" / name).read_bytes()
    assert run.result["test"]["leaves"]["psnr_y"] > 0


def test_a_search_is_a_run_of_the_spec_that_says_the_same(run: qnas.RunRecord) -> None:
    assert run.spec.limits["bitops"] == 60_000_000
    assert run.result["bitops"]["32x32"] <= 60_000_000
    assert run.spec.space.channels == SPACE["channels"]
    assert (run.spec.name, run.spec.search.steps) == ("search", 6)
    assert list(run.result["test"]) == ["leaves"]


def test_progress_is_shown_where_it_is_asked_for(tiny: Path, capfd: pytest.CaptureFixture[str]) -> None:
    qnas.run(tiny, tiny.parent / "out", until="derive", progress=True)
    shown = capfd.readouterr()
    assert shown.out == ""
    assert "search: began, 6 steps" in shown.err


def test_ctrl_c_leaves_a_run_that_goes_on_and_ends_the_same(tiny: Path, capfd: pytest.CaptureFixture[str]) -> None:
    stopped, whole = tiny.parent / "stopped", tiny.parent / "whole"
    before = signal.getsignal(signal.SIGINT)
    with listening(Interrupting(4)), pytest.raises(KeyboardInterrupt, match="stopped after step 4 of the search"):
        qnas.run(tiny, stopped, until="train")
    assert signal.getsignal(signal.SIGINT) is before
    assert capfd.readouterr() == ("", "")
    assert not (stopped / "architecture.json").exists()
    # The same line again, as in the cell of a notebook, and in a folder that has no run yet.
    for folder in (stopped, whole):
        qnas.run(tiny, folder, until="train", resume=True)
    assert (stopped / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


def test_ctrl_c_twice_leaves_at_once(tiny: Path) -> None:
    with listening(Interrupting(2, times=2)), pytest.raises(KeyboardInterrupt):
        qnas.run(tiny, tiny.parent / "out")
    assert qnas.run(tiny, tiny.parent / "out", resume=True, until="derive").architecture.scale == 2


def test_a_run_that_is_there_is_not_written_over(run: qnas.RunRecord, tiny: Path) -> None:
    with pytest.raises(qnas.InputError, match="the output folder exists"):
        qnas.run(tiny, run.path)
    with pytest.raises(qnas.InputError, match="the spec is not the one that this run began with"):
        qnas.run(tiny, run.path, resume=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"limits": {"bitops": "1k"}}, r"qnas\.search: limits\.bitops: must be at least"),
        ({"limits": {"bitop": "1G"}}, r"qnas\.search: limits\.bitop: no such cost; did you mean 'bitops'"),
        ({"images": "no/such/folder"}, "data.train: .*no/such/folder"),
        ({"space": "bsic"}, r"qnas\.search: space: no space is named 'bsic'; did you mean 'basic'"),
        ({"train": {"stpes": 1}}, r"qnas\.search: train\.stpes: unknown field"),
        ({"fancy": 1}, r"qnas\.search: fancy: unknown field"),
    ],
)
def test_what_a_search_is_wrong_in_is_one_line(arguments, message: str, tmp_path: Path) -> None:
    given = {"space": SPACE, "images": IMAGES, "test": TEST, **SMALL, **arguments}
    with pytest.raises(qnas.InputError, match=message) as caught:
        qnas.search(**given, folder=tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_images_are_folders_or_what_a_spec_says_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from qnas.core.api.data import as_data

    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (48, 48)).save(tmp_path / name / "0.png")
    both = as_data([tmp_path / "a", str(tmp_path / "b")])
    assert len(both.sources([2])) == 2
    assert as_data("dead-leaves") == "dead-leaves"
    assert as_data(IMAGES) is IMAGES
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(as_data("~/a").sources([2])) == 1
