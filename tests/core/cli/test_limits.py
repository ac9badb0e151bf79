"""Limits from the outside: what check says of them, and what a run records."""

import json
from pathlib import Path

import pytest

from qnas.core.cli.main import invoke
from qnas.core.errors import QnasWarning
from qnas.core.search.outcome import SearchOutcome
from qnas.core.search.searcher import Searcher
from qnas.core.search.task import SearchTask

from ...conftest import TINY

FEWER = TINY.replace("bits: [4, 8]", "bits: [4, 8]\n  operations: [native, conv1x1]")


@pytest.fixture
def limited(tmp_path: Path) -> Path:
    """A spec whose search would find a network that costs more."""
    path = tmp_path / "spec.yaml"
    path.write_text(FEWER + "limits: {bitops: 30M, size: 2.6 kB}\n")
    return path


def test_check_states_limits_and_which_rule_nothing_out(limited: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["check", str(limited)]) == 0
    printed = capsys.readouterr().out
    assert "limits: 30 MBitOps, 2.6 kB\n" in printed
    assert "limits.size rules no network out: the dearest network of the space has " in printed
    assert invoke(["check", str(limited), "--set", "limits.bitops=1M"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("--set limits.bitops: must be at least ")


@pytest.mark.slow
def test_a_run_states_its_limits_and_what_is_used_of_them(limited: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = limited.parent / "run"
    with pytest.warns(QnasWarning, match="limits.size rules no network out"):
        assert invoke(["run", str(limited), "--out", str(run)]) == 0
    result = json.loads((run / "result.json").read_text())
    bitops, size = result["bitops"]["32x32"], result["size"]
    assert bitops <= 30_000_000
    assert result["limits"] == {
        "bitops": {"limit": 30_000_000, "used": bitops},
        "size": {"limit": 2600, "used": size},
    }
    printed = capsys.readouterr().out
    assert f"limits: 30 MBitOps ({bitops / 3e7:.1%} used), 2.6 kB ({size / 2600:.1%} used)" in printed
    page = (run / "report.html").read_text().replace("\N{NO-BREAK SPACE}", " ")
    assert f"limit 30.0 M, {100 * bitops / 3e7:.1f} % used" in page
    assert "limit 2.60 kB, " in page


class Heedless(Searcher):
    """Finds the dearest network."""

    def planned_steps(self) -> int:
        return 1

    def search(self, task: SearchTask) -> SearchOutcome:
        dearest = task.architecture({path: options[-1] for path, options in task.candidates.items()})
        task.journal.step(1, {})
        return SearchOutcome(best=dearest, last=dearest)


def test_a_network_above_a_limit_is_refused_whatever_found_it(
    limited: Path, registered, capsys: pytest.CaptureFixture[str]
) -> None:
    name = registered(Heedless)
    text = limited.read_text().replace("operations: [native, conv1x1]", "operations: [conv1x1, native]")
    limited.write_text(text.replace("steps: 6, epochs: 3, batch: 2, alpha_learning_rate: 0.1", f"name: {name}"))
    run = limited.parent / "run"
    assert invoke(["run", str(limited), "--out", str(run), "--set", "limits={bitops: 30M}"]) == 1
    assert f"the search '{name}(tuning=0)' does not hold limits: it found bitops " in capsys.readouterr().err
    assert not (run / "architecture.json").exists()
