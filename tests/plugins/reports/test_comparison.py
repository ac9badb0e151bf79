"""The page and the plot of a comparison."""

import io
import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib import style
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from PIL import Image

from qnas.core.comparison import Comparison, compare_runs, comparing, find_runs
from qnas.core.components import Report
from qnas.core.errors import InputError
from qnas.plugins.reports.comparison.look import looks
from qnas.plugins.reports.comparison.plot import NARROW, WIDE, ComparisonPlot

from ...synthetic_runs import ENVIRONMENT, SweepFolder, write_run
from .page import Page

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)> $x^2$"
WEIGHT = "regularizers.cost.weight"


def crowded(folder: Path) -> Path:
    """Six series of three points and three seeds each, close to one another."""
    sweep = SweepFolder(folder)
    for index, variant in enumerate(("searched", "direct", "uniform", "mixed", "no-entropy", "no-adq")):
        for step, weight in enumerate((0.001, 0.0001, 0)):
            for seed in range(3):
                psnr = 27 + step / 3 - index / 40 + seed / 100
                sweep.add(variant, {WEIGHT: weight}, seed, psnr=psnr, bitops=(2.0**step + index / 20) * 1e9)
    return sweep.finish()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    folder = tmp_path_factory.mktemp("comparison")
    return compare_runs(find_runs([crowded(folder / "sweep")]), title="Six series")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the files of the comparison are to be."""
    return tmp_path_factory.mktemp("out")


@pytest.fixture(scope="module")
def files(made: Comparison, out: Path) -> Mapping[str, bytes]:
    """The files of the comparison."""
    return Report.of("html").compare(made, out)


@pytest.fixture(scope="module")
def text(files: Mapping[str, bytes]) -> str:
    """The page of the comparison."""
    return files["compare.html"].decode()


def page_of(comparison: Comparison, folder: Path) -> str:
    return Report.of("html").compare(comparison, folder)["compare.html"].decode()


def drawn(plot: ComparisonPlot, size: tuple[float, float] = WIDE) -> Figure:
    """The figure as drawn for a file, with its parts still accessible."""
    colours = {"ink": "k", "muted": "k", "line": "k", "card": "w", "front": "y"}
    with style.context("default"):
        figure = Figure(figsize=size, layout="constrained")
        plot._draw(figure.add_subplot(), {**colours, **{look.variable: look.light for look in plot.looks.values()}})
        figure.draw_without_rendering()
    return figure


def test_the_page_needs_nothing_but_itself(text: str) -> None:
    page = Page(text)
    assert page.open == []
    assert not re.search(r"https?://|@import|<link|<script|<iframe", text)
    assert page.attributes("src") == []
    assert all(target.startswith("#") for target in re.findall(r"url\(['\"]?([^)]*)\)", text))
    ids = page.attributes("id")
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"aria-labelledby=\"(.*?)\"", text)) <= set(ids)


@pytest.mark.slow
def test_at_scale_1_runs_are_compared_with_the_input(made: Comparison, tmp_path: Path) -> None:
    denoised = replace(made, scale=1)
    page = Page(page_of(denoised, tmp_path)).text
    assert "1.59 dB above the input" in page
    assert "Input 26.09 dB" in page
    assert "to input, dB" in page
    assert "bicubic" not in page.lower()
    (axes,) = drawn(ComparisonPlot(denoised)).axes
    assert any("input 26.09 dB" in text.get_text() for text in axes.texts)


def test_the_page_has_the_figures_of_every_row(made: Comparison, text: str) -> None:
    text = Page(text).text
    assert "Best on Set14 is searched weight=0 : 27.68 dB, 1.59 dB above bicubic, at 4.00 GBitOps." in text
    for group in made.groups:
        assert group.label in text
        assert f"{group.psnr.mean:.2f} ±0.01" in text
    assert "cpu (x86_64, 2 threads)" in text
    assert "steps 800, batch 16, learning rate 0.001, start scratch" in text


def test_the_rows_on_the_front_are_marked(made: Comparison, text: str) -> None:
    marked = re.findall(r"<tr class=\"([a-z ]*)\"><th scope=\"row\">", text)
    assert ["front" in name for name in marked] == [group.on_front for group in made.groups]


def test_links_lead_to_the_reports(made: Comparison, text: str, out: Path) -> None:
    links = Page(text).links
    assert len(links) == len(made.runs)
    assert all(not Path(link).is_absolute() for link in links)
    assert {(out / unquote(link)).resolve() for link in links} == {run.report.resolve() for run in made.runs}


def test_a_folder_can_not_make_a_link_of_its_own(tmp_path: Path) -> None:
    write_run(tmp_path / "javascript:alert(1)")
    (link,) = Page(page_of(compare_runs(find_runs([tmp_path])), tmp_path)).links
    assert link == "javascript%3Aalert%281%29/report.html"


def test_a_run_without_a_report_is_not_linked(tmp_path: Path) -> None:
    write_run(tmp_path / "run", files={"report.html": None})
    assert Page(page_of(compare_runs(find_runs([tmp_path])), tmp_path)).links == []


def test_whatever_stands_in_the_files_is_escaped(tmp_path: Path) -> None:
    sweep = SweepFolder(tmp_path / "sweep")
    environment = {**ENVIRONMENT, "device": HOSTILE, "device_name": HOSTILE, "packages": {"qnas": HOSTILE}}
    for index in (0, 1):
        of_run = {"psnr": 27 + index, "files": {"environment.json": environment}}
        sweep.add(None, {WEIGHT: HOSTILE[index:]}, 0, **of_run)
    for point in sweep.points:
        point["variant"] = HOSTILE
    write_run(tmp_path / "other", fields={"train.steps": HOSTILE, "name": HOSTILE})
    write_run(tmp_path / "broken", files={"result.json": HOSTILE})
    comparison = compare_runs(find_runs([sweep.finish(), tmp_path]), title=HOSTILE)
    files = Report.of("html").compare(comparison, tmp_path)
    page = Page(files["compare.html"].decode())
    assert page.open == []
    assert {"script", "img"}.isdisjoint(tag for tag, _ in page.tags)
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    ElementTree.fromstring(files["compare.svg"])


def test_notices_stand_above_the_plot(tmp_path: Path) -> None:
    for steps in (800, 1600):
        write_run(tmp_path / str(steps), fields={"train.steps": steps})
    text = Page(page_of(compare_runs(find_runs([tmp_path])), tmp_path)).text
    assert "These runs were trained differently: train.steps 1600 and 800." in text


def test_the_files_are_images(files: Mapping[str, bytes]) -> None:
    assert ElementTree.fromstring(files["compare.svg"]).tag == "{http://www.w3.org/2000/svg}svg"
    with Image.open(io.BytesIO(files["compare.png"])) as image:
        assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)


def test_every_point_is_drawn_where_it_belongs(made: Comparison) -> None:
    (axes,) = drawn(ComparisonPlot(made)).axes
    assert axes.get_xscale() == "log"
    markers = [line for line in axes.lines if line.get_linestyle() == "None"]
    points = [position for line in markers for position in zip(*line.get_data(), strict=True)]
    np.testing.assert_allclose(sorted(points), sorted(group.position for group in made.groups))
    low, high = axes.get_ylim()
    left, right = axes.get_xlim()
    assert all(left < x < right and low < y < high for x, y in points)


def test_bars_show_the_spread_of_seeds_and_steps_the_front(made: Comparison) -> None:
    (axes,) = drawn(ComparisonPlot(made)).axes
    bars = [segment for bars in axes.collections for segment in bars.get_segments()]
    heights = [abs(end[1] - start[1]) for start, end in bars if start[1] != end[1]]
    assert min(group.psnr.spread for group in made.groups) > 0
    np.testing.assert_allclose(sorted(heights), sorted(2 * group.psnr.spread for group in made.groups), rtol=1e-6)
    (front,) = [line for line in axes.lines if line.get_drawstyle() == "steps-post"]
    corners = list(zip(*front.get_data(), strict=True))
    assert corners[:-1] == [group.position for group in made.front]
    assert corners[-1][0] > max(group.position[0] for group in made.groups)
    assert corners[-1][1] == corners[-2][1]


def test_names_cover_neither_each_other_nor_a_marker(made: Comparison) -> None:
    figure = drawn(ComparisonPlot(made))
    (axes,) = figure.axes
    names = [text for text in axes.texts if isinstance(text, Annotation)]
    boxes = [Text.get_window_extent(name) for name in names]
    assert len(names) >= 4
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    places = axes.transData.transform([group.position for group in made.groups])
    assert not any(box.contains(*place) for box in boxes for place in places)


@pytest.mark.parametrize("size", [NARROW, WIDE])
def test_every_point_of_a_sweep_has_its_name(size: tuple[float, float], tmp_path: Path) -> None:
    sweep = SweepFolder(tmp_path)
    for weight, psnr, bitops in ((0, 30.23, 4.56e9), (0.003, 29.21, 1.13e9), (0.03, 28.98, 0.29e9)):
        for seed in (0, 1):
            sweep.add(None, {WEIGHT: weight}, seed, psnr=psnr + seed / 20, bitops=bitops)
    (axes,) = drawn(ComparisonPlot(compare_runs(find_runs([sweep.finish()]))), size).axes
    names = {text.get_text() for text in axes.texts if isinstance(text, Annotation)}
    assert names == {"weight=0", "weight=0.003", "weight=0.03"}


@pytest.mark.parametrize(("bicubic", "is_line"), [(26.9, True), (20.0, False), (40.0, False)])
def test_bicubic_is_a_line_where_there_is_room_and_is_told_anyhow(
    made: Comparison, bicubic: float, is_line: bool
) -> None:
    (axes,) = drawn(ComparisonPlot(replace(made, bicubic=bicubic))).axes
    level = [line for line in axes.lines if list(line.get_ydata()) == [bicubic, bicubic]]
    assert bool(level) == is_line
    assert any(f"bicubic {bicubic:.2f} dB" in text.get_text() for text in axes.texts)


@pytest.mark.parametrize("step", [0.001, 0.008, 0.03, 0.3, 3.0])
def test_ticks_read_differently(tmp_path: Path, step: float) -> None:
    for number in range(4):
        write_run(
            tmp_path / str(number), 26.1 + step * number, (1 + step * number) * 1e9, fields={"train.batch": number}
        )
    (axes,) = drawn(ComparisonPlot(compare_runs(find_runs([tmp_path])))).axes
    for axis in (axes.xaxis, axes.yaxis):
        labels = [label.get_text() for label in axis.get_ticklabels()]
        assert len(labels) == len(set(labels)) >= 2


def test_one_point_alone_and_points_without_cost_are_drawn(tmp_path: Path) -> None:
    write_run(tmp_path / "one")
    plot = ComparisonPlot(compare_runs(find_runs([tmp_path])))
    assert "one" in plot.inline(WIDE)
    write_run(tmp_path / "free", bitops=0, fields={"train.batch": 1})
    (axes,) = drawn(ComparisonPlot(compare_runs(find_runs([tmp_path])))).axes
    assert axes.get_xscale() == "linear"


@pytest.mark.slow
def test_the_plot_in_the_page_takes_its_colours(made: Comparison) -> None:
    plot = ComparisonPlot(made)
    wide, narrow = plot.inline(WIDE), plot.inline(NARROW)
    assert plot.inline(WIDE) == wide
    assert not set(re.findall(r" id=\"(.*?)\"", wide)) & set(re.findall(r" id=\"(.*?)\"", narrow))
    for look in plot.looks.values():
        assert f"var(--{look.variable})" in wide
    drawn_with = set(re.findall(r"#[0-9a-f]{6}\b", wide))
    assert drawn_with <= {"#ffffff"}


def test_series_are_told_apart_by_colour_and_marker() -> None:
    made = looks([str(number) for number in range(40)]).values()
    assert len({(look.light, look.marker) for look in made}) == 40


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2 defines it."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_every_colour_stands_out_on_its_paper() -> None:
    for look in looks([str(number) for number in range(9)]).values():
        assert contrast(look.light, "#ffffff") >= 3
        assert contrast(look.dark, "#1c1f25") >= 3


def test_a_report_that_explains_single_runs_says_so() -> None:
    class Single(Report):
        def write(self, folder) -> str:
            return ""

    with pytest.raises(InputError, match="the report 'Single' explains single runs only"):
        comparing(Single())
