"""The contract of models catches what breaks it."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

import qnas
from qnas.core.registry import Entry, plugins
from qnas.testing import check_model

from ..found_run import write_run


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the model ``mine``."""
    write_run(tmp_path / "mine")
    (tmp_path / "mine/result.json").write_text(json.dumps({"limits": {"bitops": {"used": 3, "limit": 4}}}))
    (tmp_path / "mine/card.md").write_text("# mine\n")
    home = ModuleType("qnas_of_a_model")
    vars(home)["Mine"] = type("Mine", (qnas.Model,), {"folder": tmp_path / "mine"})
    monkeypatch.setitem(sys.modules, home.__name__, home)
    entry = Entry("mine", f"{home.__name__}:Mine", "Mine", "tests")
    plugins().models.add(entry)
    yield tmp_path / "mine"
    plugins().models.remove(entry)


def test_one_that_keeps_it_passes(folder: Path) -> None:
    check_model("mine")


BREAKS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no card": (lambda path: (path / "card.md").unlink(), "it has no card.md|has no card.md"),
    "no heading": (lambda path: (path / "card.md").write_text("mine"), "card.md must begin with a heading"),
    "no network": (lambda path: (path / "model.safetensors").unlink(), "names no folder that has a model.safetensors"),
    "damaged": (lambda path: (path / "architecture.json").write_text("{"), "architecture.json"),
    "a place": (
        lambda path: (path / "card.md").write_text("# mine\n\nMade in /home/me/runs.\n"),
        "card.md names a place of the machine that it was made on: /home/me/runs",
    ),
    "a limit": (
        lambda path: (path / "result.json").write_text('{"limits": {"bitops": {"used": 5, "limit": 4}}}'),
        "it exceeds its limit on bitops: 5 of 4",
    ),
}


@pytest.mark.parametrize("what", BREAKS)
def test_what_breaks_it_is_reported(folder: Path, what: str) -> None:
    harm, message = BREAKS[what]
    harm(folder)
    with pytest.raises(AssertionError, match=message) as caught:
        check_model("mine")
    assert str(caught.value).startswith("the model 'mine': ")
