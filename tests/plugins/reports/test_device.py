"""The section of the page on the files that were exported."""

import html
import re
from typing import Any

import pytest

from qnas.core.components import Report
from qnas.core.drawing.wording import TIMES, UNKNOWN
from qnas.core.errors import InputError

from .page import Page

HOSTILE = "<script>alert(1)</script>"


def exported(**changes: Any) -> dict[str, Any]:
    """What qnas export notes of a file."""
    return {
        "target": "openvino",
        "file": "openvino.onnx",
        "bytes": 53_744,
        "sha256": "abc",
        "size": None,
        "integer_convolutions": 10,
        "convolutions": 11,
        "parity": {
            "of_file": {"values": 1000, "differing": 1, "equal": 0.999, "largest_in_levels": 1},
            "psnr_y": {"photos": {"network": 33.5449, "file": 33.5461}},
        },
        "frozen": [],
        **changes,
    }


def timed(**changes: Any) -> dict[str, Any]:
    """What qnas bench notes of one."""
    of_file = {"spread_seconds": 0.0011, "file_bytes": 53_744, "peak_memory_bytes": 61_000_000}
    return {
        "target": "openvino",
        "versions": {"openvino": "2026.4.1"},
        "processor": "A Processor",
        "size": [180, 320],
        "threads": 2,
        "sha256": "abc",
        "networks": {
            "found": {"median_seconds": 0.0125, "frames_per_second": 80.0, **of_file},
            "float": {"median_seconds": 0.025, "frames_per_second": 40.0, **of_file, "peak_memory_bytes": None},
            "bicubic": {"median_seconds": 0.0031, "spread_seconds": 0.0001, "frames_per_second": 322.0},
        },
        **changes,
    }


def section(tiny, files: dict[str, Any]) -> str:
    """The section's HTML, or "" if there is none."""
    folder = tiny.make({f"export/{name}.json": content for name, content in files.items()})
    assert Report.of("html").write(folder) == "report.html"
    text = folder.read_text("report.html")
    assert Page(text).open == []
    assert ('href="#device"' in text) == ('id="device"' in text)
    return text[text.index('<section id="device"') : text.index('<section id="gap"')] if 'id="device"' in text else ""


def rows(text: str, table: int) -> list[list[str]]:
    """The cells of a table's body."""
    body = text.split("<tbody>")[1 + table].partition("</tbody>")[0]
    cells = [re.findall(r"<t[hd]\b[^>]*>(.*?)</t[hd]>", row) for row in body.split("<tr>")[1:]]
    return [[Page(cell).text for cell in row] for row in cells]


def test_a_run_of_which_nothing_was_exported_has_no_such_section(tiny):
    assert section(tiny, {}) == ""
    assert section(tiny, {"bench": {"measured": [timed()]}}) == ""


def test_a_file_is_shown_with_its_size_and_how_equal_it_is(tiny):
    text = section(tiny, {"openvino": exported()})
    assert rows(text, 0) == [
        ["openvino", "53.7 kB", "10 of 11", "any size", "99.90 %", "1 of 255", "33.545", "33.546", "+0.001"]
    ]
    assert text.count("<tbody>") == 1
    assert "frozen" not in text
    assert "rounding errors" not in text


def test_what_a_file_needs_to_be_known_of_it_stands_below(tiny):
    rounding = {"values": 1000, "differing": 2, "equal": 0.998, "largest_in_levels": 3}
    parity = {**exported()["parity"], "of_rounding": rounding, "psnr_y": {"flat": {"network": 1, "file": None}}}
    frozen = exported(size=[64, 48], frozen=["body.0"], parity=parity)
    text = section(tiny, {"openvino": exported(), "onnxruntime": frozen, "third": frozen})
    assert rows(text, 0)[0][3:] == [
        f"64 {TIMES} 48",
        "99.90 %",
        "1 of 255",
        "1.000",
        UNKNOWN,
        UNKNOWN,
        UNKNOWN,
        UNKNOWN,
        UNKNOWN,
    ]
    assert "in the file for onnxruntime and third" in text
    assert text.count("0.20\xa0% of the network") == 1


def test_times_stand_beside_those_of_the_float_network(tiny):
    others = [timed(target="gone"), timed(target={"name": "openvino"}, sha256="old", threads=1)]
    text = section(tiny, {"openvino": exported(), "bench": {"measured": [timed(), *others]}})
    figures = ["12.5", "1.10", "80.0", "61.0 MB", "25.0", "1.10", UNKNOWN, f"2.00{TIMES}", "3.10"]
    assert rows(text, 1) == [
        ["openvino", f"180 {TIMES} 320", "2", *figures],
        ["openvino not verified", f"180 {TIMES} 320", "1", *figures],
    ]
    assert "Measured on A Processor with openvino 2026.4.1." in text


def test_at_scale_1_there_is_no_bicubic_enlargement(tiny):
    networks = {name: figures for name, figures in timed()["networks"].items() if name != "bicubic"}
    text = section(tiny, {"openvino": exported(), "bench": {"measured": [timed(networks=networks)]}})
    assert rows(text, 1)[0][-2:] == [f"2.00{TIMES}", UNKNOWN]


def test_figures_that_are_missing_are_unknown(tiny):
    text = section(tiny, {"openvino": exported(), "bench": {"measured": [timed(networks={"found": {}})]}})
    assert rows(text, 1) == [["openvino", f"180 {TIMES} 320", "2", *[UNKNOWN] * 9]]


def test_texts_of_the_files_are_shown_as_they_are(tiny):
    parity = {**exported()["parity"], "psnr_y": {HOSTILE: {"network": 1.0, "file": 1.0}}}
    measured = timed(processor=HOSTILE, versions={HOSTILE: "1"}, threads=HOSTILE)
    text = section(tiny, {"openvino": exported(parity=parity, frozen=[1]), "bench": {"measured": [measured]}})
    assert "<script" not in text
    assert html.unescape(text).count(HOSTILE) == 4


@pytest.mark.parametrize(
    "files",
    [
        {"openvino": {"bytes": 1}},
        {"openvino": exported(parity=[])},
        {"openvino": exported(), "bench": {"measured": [{}]}},
        {"openvino": exported(), "bench": {"measured": {}}},
    ],
)
def test_a_damaged_file_is_refused_in_one_line(tiny, files):
    with pytest.raises(InputError) as refused:
        section(tiny, files)
    assert "\n" not in str(refused.value)
    assert str(tiny.path) in str(refused.value)
