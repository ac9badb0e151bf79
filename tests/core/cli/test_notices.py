"""What a search says of itself is on the terminal, in the results and in the report."""

import json
import warnings
from pathlib import Path

import pytest

from qnas.core.cli.main import invoke
from qnas.core.cli.terminal.verbosity import print_warnings

from ...conftest import TINY

HASTY = ("regularizers.cost.weight=1e4", "search.alpha_learning_rate=5", "search.steps=8", "search.epochs=4")
STANDING = ("space.bits=[8, 4]", "search.alpha_learning_rate=1e-60")  # so small that nothing moves from the first
CASES = (
    (HASTY, ("the search has all but decided after 1 of 4 epochs, ", "the search found the cheapest network of ")),
    (STANDING, ("the search found the most expensive network of ", "the search ended undecided, with 100% of ")),
)


@pytest.mark.parametrize(("changes", "notices"), CASES)
def test_notices_are_on_the_terminal_in_the_results_and_in_the_report(
    changes: tuple[str, ...], notices: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec, out = tmp_path / "spec.yaml", tmp_path / "out"
    spec.write_text(TINY.replace("bits: [4, 8]", "bits: [4, 8]\n  operations: [native]"))
    settings = [argument for change in changes for argument in ("--set", change)]
    with warnings.catch_warnings():
        print_warnings()
        assert invoke(["run", str(spec), "--out", str(out), *settings]) == 0
    shown = [line.removeprefix("warning: ") for line in capsys.readouterr().err.splitlines() if "warning: " in line]
    assert len(shown) == len(notices)
    assert all(line.startswith(notice) for line, notice in zip(shown, notices, strict=True))
    assert all("raise " in line or "lower " in line for line in shown)
    for result in ("search/result.json", "result.json"):
        assert json.loads((out / result).read_text())["notices"] == shown
    page = (out / "report.html").read_text().replace("\N{NO-BREAK SPACE}", " ")
    assert all(f"<li>{line[:1].upper()}{line[1:]}.</li>" in page for line in shown)
