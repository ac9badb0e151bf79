"""Names that strangers choose are shown as plain text, without effect in pages, plots, tables and the terminal."""

import csv
import io
import re
import unicodedata
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from hypothesis import given, strategies as st

from qnas.core.cli.main import invoke
from qnas.core.cli.terminal.console import Terminal
from qnas.core.cli.terminal.say import say
from qnas.core.comparison import compare_runs, csv_text, find_runs
from qnas.core.components import Report
from qnas.core.errors import InputError
from qnas.core.run.record import RunRecord
from qnas.core.spec import load_spec
from qnas.core.visible import one_line, visible
from qnas.plugins.reports.page import page

from ..plugins.reports.conftest import Tiny
from ..plugins.reports.page import Page
from ..synthetic_runs import SweepFolder

NAMES = [
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(2)>",
    "</title></style></svg><svg onload=alert(3)>",
    "&lt;b&gt; &#60;script&#62;",
    "{{ 7 * 7 }} {% raw %}",
    "\u202ednalb\u202c \u2066isolated\u2069",
    "\x1b[2J\x1b]0;title\x07\x9b31m",
    "lone \udc80 \ud800",
    'font-family: x; style="fill: #0a0001" transform="rotate(-0)"',
    "$\\frac{1}{0}$ %s %(x)d {0}",
    "\x00\x01\x0b\ufffe",
    "--><!-- ]]>",
]


def is_plain(text: str) -> bool:
    return all(c.isprintable() or c in "\n\t" or unicodedata.category(c) == "Zs" for c in text)


@given(text=st.text() | st.text(st.characters(categories=["Cs", "Cc", "Cf", "Zl", "Zp"])))
def test_text_is_made_visible_once_and_can_be_encoded(text: str) -> None:
    shown = visible(text)
    assert is_plain(shown)
    assert visible(shown) == shown
    shown.encode()
    assert is_plain(one_line(text)) and "\n" not in one_line(text)
    assert visible("".join(c for c in text if c.isprintable())) == "".join(c for c in text if c.isprintable())


def report(path: Path, name: str) -> Page:
    tiny = Tiny(path)
    changes = {
        "spec.yaml": yaml.safe_dump(
            {**tiny.spec, "name": name.encode(errors="replace").decode().replace("\ufffe", "")}
        ),
        "result.json": {**tiny.result, "test": {name: tiny.scores}},
        "evaluate/result.json": {"images": {name: {name: tiny.scores}}},
        "examples/index.json": {"examples": [{"set": name, "image": name, "stem": "photos-rocket"}]},
        "environment.json": {"command": [name], name: name, "packages": {name: name}},
    }
    text = page(RunRecord(tiny.make(changes)))
    text.encode()
    assert is_plain(text)
    return Page(text)


def shape(made: Page) -> list[tuple[str, list[str]]]:
    """Its tags and their attributes."""
    return [(tag, list(attributes)) for tag, attributes in made.tags]


@pytest.fixture(scope="module")
def harmless(tmp_path_factory: pytest.TempPathFactory) -> Page:
    """The page of a run whose names are all plain."""
    return report(tmp_path_factory.mktemp("harmless") / "run", "plain")


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_names_are_text_on_the_page_of_a_run(name: str, harmless: Page, tmp_path: Path) -> None:
    hostile = report(tmp_path / "run", name)
    assert shape(hostile) == shape(harmless)
    assert " ".join(visible(name).split()) in hostile.text


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], str]:
    """The files of a comparison of sweeps with these names, and its CSV."""
    folder = tmp_path_factory.mktemp("compared")
    sweep = SweepFolder(folder / "sweep")
    for index, name in enumerate(NAMES):
        values = {"regularizers.cost.weight": name}
        made = sweep.add(f"v{index}", {}, 0, psnr=27 + index / 10, bitops=(1 + index) * 1e9)
        assert made.is_dir()
        sweep.points[-1] |= {"variant": name, "values": values}
    found = find_runs([sweep.finish()])
    comparison = compare_runs(found, title=" ".join(NAMES))
    assert len(comparison.runs) == len(NAMES)
    return dict(Report.of("html").compare(comparison, folder)), csv_text(comparison)


@pytest.mark.filterwarnings("ignore:Glyph")
def test_names_are_text_on_the_page_of_a_comparison(compared: tuple[dict[str, bytes], str]) -> None:
    text = compared[0]["compare.html"].decode()
    made = Page(text)
    assert made.open == []
    assert {"script", "img"}.isdisjoint(tag for tag, _ in made.tags)
    assert not any(attribute.startswith("on") for _, attributes in made.tags for attribute in attributes)
    assert is_plain(text)
    for name in NAMES:
        assert " ".join(visible(name).split()) in made.text
    plots = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(plots) == 2
    for plot in plots:
        ElementTree.fromstring(plot)


@pytest.mark.filterwarnings("ignore:Glyph")
def test_names_are_text_in_the_plot_of_a_comparison(compared: tuple[dict[str, bytes], str]) -> None:
    root = ElementTree.fromstring(compared[0]["compare.svg"])
    assert {"script", "image", "foreignObject", "a"}.isdisjoint(
        element.tag.partition("}")[2] for element in root.iter()
    )


def test_names_are_no_formulas_in_a_spreadsheet(tmp_path: Path) -> None:
    sweep = SweepFolder(tmp_path / "sweep")
    for index, name in enumerate(["=1+1", "+1", "-1", "@SUM(A1)", "plain", "\x1b[2J"]):
        sweep.add(f"v{index}", {}, 0)
        sweep.points[-1]["variant"] = name
    rows = list(csv.DictReader(io.StringIO(csv_text(compare_runs(find_runs([sweep.finish()]))))))
    assert {row["series"] for row in rows} == {"'=1+1", "'+1", "'-1", "'@SUM(A1)", "plain", "\\x1b[2J"}
    assert all(float(row["test.Set14.psnr_y"]) for row in rows)


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_names_are_text_in_the_terminal(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    from rich.table import Table

    table = Table(name)
    table.add_row(name)
    Terminal(width=200).print(table, name, soft_wrap=True)
    say(name)
    said = capsys.readouterr()
    for told in (said.out, said.err):
        assert is_plain(told)
        assert visible(name) in told


def test_mistakes_in_a_spec_show_what_stands_there_in_one_line(tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    for name in (r"a\e[2J", r"two\nlines", r"\u202e", r"\0"):
        for text in (
            f'"{name}": 1\n',
            f'scale: "{name}"\n',
            f'space: {{name: "{name}"}}\n',
            f'"{name}": 1\n"{name}": 2\n',
        ):
            spec.write_text(text)
            with pytest.raises(InputError) as caught:
                load_spec(spec)
            for line in str(caught.value).split("\n"):
                assert line.isprintable()
                assert re.match(r".*spec\.yaml:\d:\d+: ", line)


def test_names_of_files_are_text_in_what_commands_tell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from PIL import Image

    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("\x1b[2Ja.png", "b\udcff.png"):
        Image.new("RGB", (40, 40)).save(folder / "tmp.png")
        (folder / "tmp.png").rename(folder / name)
    (folder / "\x1b[31mc.png").write_bytes(b"no image")
    assert invoke(["data", "check", str(folder)]) == 1
    said = capsys.readouterr()
    assert is_plain(said.out + said.err)
    assert "\\x1b[31mc.png: is not an image" in said.out
