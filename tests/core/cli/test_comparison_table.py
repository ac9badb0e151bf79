"""The table of a comparison in terminals of different widths."""

import io
from pathlib import Path

import pytest

from qnas.core.cli.terminal.comparison_table import print_comparison
from qnas.core.cli.terminal.console import Terminal
from qnas.core.comparison import Comparison, compare_runs, find_runs

from ...synthetic_runs import write_run


@pytest.fixture
def comparison(tmp_path: Path) -> Comparison:
    for name in ("short", "a-name-that-is-quite-long-for-a-run"):
        write_run(tmp_path / name)
    return compare_runs(find_runs([tmp_path]), None, None, "two")


def printed(comparison: Comparison, width: int) -> list[str]:
    console = Terminal(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    print_comparison(console, comparison)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    return [line.rstrip() for line in shown.splitlines()]


def whole(comparison: Comparison, columns: int) -> list[str]:
    return [cell for row in comparison.cells for cell in row[2:columns]]


def test_all_figures_are_shown_where_there_is_room(comparison: Comparison) -> None:
    lines = printed(comparison, 200)
    assert all(cell in "\n".join(lines) for cell in whole(comparison, len(comparison.headings)))
    assert not any("for lack of room" in line for line in lines)


@pytest.mark.parametrize("width", [50, 60, 70, 80, 90, 100])
def test_figures_are_left_out_whole_and_are_named(comparison: Comparison, width: int) -> None:
    lines = printed(comparison, width)
    assert max(map(len, lines)) <= width
    told = " ".join(lines).partition("for lack of room without ")[2]
    left_out = told.split(", ") if told else []
    assert left_out == comparison.headings[len(comparison.headings) - len(left_out) :]
    table = "\n".join(lines)
    assert all(cell in table for cell in whole(comparison, len(comparison.headings) - len(left_out)))
    assert "…" not in table


def test_the_narrower_the_terminal_the_fewer_figures_it_shows(comparison: Comparison) -> None:
    commas = ["\n".join(printed(comparison, width)).count(",") for width in (120, 90, 80, 70, 60)]
    assert commas == sorted(commas)
    assert commas[0] < commas[-1]


def test_prose_is_folded_between_words_in_a_terminal_only() -> None:
    text = "one two three four five six"
    for is_terminal, expected in ((True, ["one two", "three four", "five six"]), (False, [text])):
        console = Terminal(file=io.StringIO(), width=11, force_terminal=is_terminal, color_system=None)
        console.print_prose(text)
        lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
        assert [line.strip() for line in lines] == expected
