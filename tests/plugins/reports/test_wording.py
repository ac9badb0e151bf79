"""The wording of figures, the colours and the charts."""

import math

import pytest

from qnas.core.drawing.wording import (
    UNKNOWN,
    decimal,
    percent,
    precise_duration as duration,
    scaled,
    signed,
    significant,
)
from qnas.plugins.reports.anatomy import FoundSlot
from qnas.plugins.reports.chart import Chart, Line
from qnas.plugins.reports.choices import HEIGHT, slot_choices
from qnas.plugins.reports.palette import bits_colours
from qnas.plugins.reports.scores import rows
from qnas.plugins.reports.wording import breakable


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (decimal(32.763), "32.76"),
        (decimal(-0.3), "\N{MINUS SIGN}0.30"),
        (decimal(-0.001), "0.00"),
        (decimal(None), UNKNOWN),
        (decimal(math.nan), UNKNOWN),
        (decimal(-math.inf), "\N{MINUS SIGN}∞"),
        (signed(0.776), "+0.78"),
        (signed(-0.776), "\N{MINUS SIGN}0.78"),
        (signed(0.001), "0.00"),
        (signed(None), UNKNOWN),
        (breakable("weight=0.003, net_a.b"), "weight=<wbr>0.003,<wbr> net_<wbr>a.<wbr>b"),
        (breakable("<i>'1e-05"), "&lt;i&gt;&#39;1e-05"),
        (significant(0.3114), "0.311"),
        (significant(1280.4), "1 280"),
        (significant(0), "0"),
        (scaled(11790), "11.8 k"),
        (scaled(999), "999 "),
        (scaled(999_999), "1.00 M"),
        (scaled(None), UNKNOWN),
        (duration(0.044), "0.044 s"),
        (duration(34.8), "35 s"),
        (duration(59.7), "1 min 0 s"),
        (duration(725), "12 min 5 s"),
        (duration(3600 * 30 + 60), "30 h 1 min"),
        (percent(0.1234), "12.3 %"),
        (percent(0.0001), "< 0.1 %"),
        (percent(0), "0.0 %"),
    ],
)
def test_figures(written, expected):
    assert written.replace("\N{NO-BREAK SPACE}", " ") == expected


def test_every_width_has_a_colour_of_its_own():
    colours = bits_colours([*range(2, 17), 32])
    for variant in (1, 2):
        assert len({colour[variant] for colour in colours}) == 16


def test_two_infinite_scores_are_not_compared():
    [row] = rows({"set": {"psnr_y": math.inf, "bicubic": {"psnr_y": math.inf}}})
    assert row.headline.verdict == "unknown"
    assert row.comparisons[1].gain is None


def test_a_chart_takes_the_colours_of_the_page_and_leaves_out_what_is_no_number():
    chart = Chart("PSNR", [Line("ours", [1, 2, 3, 4], [1.0, math.inf, math.nan, 2.0])], marked_step=3)
    text = chart.svg()
    assert text == chart.svg()
    assert "var(--ours)" in text
    assert "#0a00" not in text
    assert "nan" not in text
    assert text.count("<use") == 2
    assert chart.summary == "PSNR over steps: ours from 1.000 to 2.000"


def test_areas_are_stacked_upon_the_chosen_one():
    slot = FoundSlot("a", "conv", "conv @ 8", 8, 8)
    history = [{"step": s, "probabilities": {"a": {"conv @ 4": 1 - p, "conv @ 8": p}}} for s, p in ((0, 0.25), (9, 1))]
    [chart] = slot_choices(history, {"a": slot}, 9)
    top, bottom = chart.areas
    assert (bottom.candidate, bottom.bits, bottom.chosen, bottom.share) == ("conv @ 8", 8, True, 1.0)
    assert bottom.path == f"M0 {HEIGHT} L0 {0.75 * HEIGHT:.1f} L240 0.0 H240 V{HEIGHT} Z"
    assert top.path.startswith(f"M0 {HEIGHT} L0 0.0 L240 0.0")
    assert chart.second == top
    assert chart.taken is None


def test_long_histories_are_thinned_to_their_ends():
    slot = FoundSlot("a", "conv", "conv", None, None)
    history = [{"step": s, "probabilities": {"a": {"conv": 1.0, "pool": 0.0}}} for s in range(1000)]
    [chart] = slot_choices(history, {"a": slot}, 250)
    assert chart.areas[0].path.count("L") == 60
    assert "L240 0.0" in chart.areas[0].path
    assert chart.taken == pytest.approx(240 * 250 / 999)


def test_a_slot_with_one_candidate_has_no_chart():
    slots = {path: FoundSlot(path, "conv", "conv @ 8", 8, 8) for path in "ab"}
    history = [{"step": 1, "probabilities": {"a": {"conv @ 8": 1.0}, "b": {"conv @ 8": 0.5, "conv @ 4": 0.5}}}]
    assert [chart.slot for chart in slot_choices(history, slots, 1)] == ["b"]
