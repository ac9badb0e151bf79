"""The page as a whole."""

import html
import json
import math
import re

import pytest
import yaml

from qnas.core.components import Report
from qnas.core.errors import InputError

from .page import Page

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


@pytest.fixture(scope="module")
def page_text(tmp_path_factory, tiny_run) -> str:
    """The page of the run."""
    return write(tiny_run(tmp_path_factory.mktemp("page") / "run").make())


def write(folder) -> str:
    assert Report.of("html").write(folder) == "report.html"
    return folder.read_text("report.html")


def listed_slots(text: str) -> dict[str, str]:
    """Slot path to its words in the drawing."""
    items = re.findall(r"<li>\s*<span class=\"what\">.*?</li>", text, re.DOTALL)
    return {html.unescape(re.search(r"<code title=\"(.*?)\"", item)[1]): Page(item).text for item in items}


def test_the_page_needs_nothing_but_itself(page_text):
    text = page_text
    page = Page(text)
    assert page.open == []
    assert not re.search(r"https?://|@import|<link|<script|<iframe", text)
    assert all(source.startswith("data:image/png;base64,") for source in page.attributes("src"))
    assert len(page.attributes("src")) == 4
    assert all(target.startswith("#") for target in page.attributes("href"))
    assert all(target.startswith("#") for target in re.findall(r"url\(['\"]?([^)]*)\)", text))
    assert ("html", {"lang": "en"}) in page.tags
    assert all(attrs["alt"] for tag, attrs in page.tags if tag == "img")


def test_links_and_ids_fit(page_text):
    page = Page(page_text)
    ids = page.attributes("id")
    assert len(ids) == len(set(ids))
    assert {target[1:] for target in page.attributes("href")} <= set(ids)


def test_every_slot_is_drawn_with_its_operation_and_bits(page_text, tiny):
    text = page_text
    slots = listed_slots(text)
    chosen = tiny.architecture.slots
    assert set(slots) == set(chosen)
    for path, choice in chosen.items():
        assert choice.operation.label in slots[path]
        assert f"W{choice.weight_bits} A{choice.activation_bits}" in slots[path]
        assert re.search(r"\d %|\d\xa0%", slots[path])
        assert f"--bits-{choice.weight_bits}:" in text


def test_every_slot_has_its_choices(page_text, tiny):
    text = page_text
    section = text[text.index('id="choices"') : text.index('id="curves"')]
    charts = re.findall(r"<figure>.*?</figure>", section, re.DOTALL)
    assert len(charts) == len(tiny.architecture.slots)
    for chart, (path, choice) in zip(charts, tiny.architecture.candidates().items(), strict=True):
        assert path in chart
        # The network was taken after the second of three epochs.
        assert f"<b>{choice.label}</b> 70.0\xa0%" in chart
        assert "<line x1=" in chart


def test_the_figures_are_those_of_the_result(page_text):
    text = Page(page_text).text
    for figure in ("32.76", "31.99", "+0.78", "0.9285", "0.9153", "+0.0132", "30.97", "30.28", "+0.69"):
        assert figure in text
    for figure in ("32 311 M", "256 19.9 G", "11.8 k", "9.47 kB", "35 s", "0.019 dB"):
        assert figure in text
    assert "beats bicubic by 0.78 dB on photos" in text
    assert "conv3x3 @ 4 or conv5x5 @ 4 margin 1.23 %" in text
    assert "qnas 9.9.9" in text


def test_the_quantizers_are_told(page_text, tiny):
    assert "Quantizer lsq searched with noise" in Page(page_text).text
    spec = {**tiny.spec, "quantizer": {"search": "noise", "train": {"name": "ewgs", "delta": 0.1}}}
    text = Page(write(tiny.make({"spec.yaml": spec, "search/history.jsonl": None}))).text
    assert "Quantizer ewgs" in text
    assert "searched with" not in text


def test_at_scale_1_the_network_is_compared_with_the_input(tiny):
    text = Page(write(tiny.make({"spec.yaml": {**tiny.spec, "scale": 1}}))).text
    assert "restoration at the same size" in text
    assert "beats the input by 0.78 dB on photos" in text
    assert "32.76, input 31.99" in text
    assert "beside the degraded input. A border of 1 pixel is left out." in text
    assert "bicubic" not in text.lower()
    assert "super-resolution" not in text


@pytest.mark.parametrize(
    ("psnr", "words"),
    [
        (31.5, "falls 0.49 dB short of bicubic on photos"),
        (31.987, "equals bicubic on photos"),
        (math.nan, "could not be compared with bicubic on photos"),
        (None, "could not be compared with bicubic on photos"),
    ],
)
def test_the_headline_is_honest(tiny, psnr, words):
    result = {**tiny.result, "test": {"photos": {**tiny.scores, "psnr_y": psnr}}}
    without_charts = {"search/history.jsonl": None, "train/history.jsonl": None}
    assert words in Page(write(tiny.make({"result.json": result, **without_charts}))).text


def test_whatever_stands_in_the_files_is_escaped(tiny):
    record = tiny.history[0]
    record["probabilities"] = {path: {HOSTILE: 1.0} for path in record["probabilities"]}
    tie = {"slot": HOSTILE, "first": HOSTILE, "second": HOSTILE, "margin": 0.01}
    text = write(
        tiny.make(
            {
                "spec.yaml": yaml.safe_dump({**tiny.spec, "name": HOSTILE, "search": HOSTILE, "scale": HOSTILE}),
                "search/history.jsonl": [record],
                "search/result.json": {"ties": [tie], "ties_at_end": []},
                "result.json": {
                    **tiny.result,
                    "test": {HOSTILE: tiny.scores},
                    "bitops": {HOSTILE: 1},
                    "seconds": {HOSTILE: 1.0},
                },
                "evaluate/result.json": {"images": {HOSTILE: {HOSTILE: tiny.scores}}},
                "examples/index.json": {"examples": [{"set": HOSTILE, "image": HOSTILE, "stem": "photos-rocket"}]},
                "environment.json": {"command": [HOSTILE], HOSTILE: HOSTILE, "packages": {HOSTILE: HOSTILE}},
            }
        )
    )
    assert_harmless(text)
    assert text.count("&lt;script&gt;") > 15


def test_a_hostile_architecture_is_escaped(tiny):
    choice = {"operation": {"name": HOSTILE}, "weight_bits": HOSTILE, "activation_bits": 8}
    text = write(tiny.make({"architecture.json": {"space": HOSTILE, "slots": {HOSTILE: choice}}}))
    assert_harmless(text)
    assert list(listed_slots(text)) == [HOSTILE]


def assert_harmless(text: str) -> None:
    page = Page(text)
    assert page.open == []
    assert "script" not in {tag for tag, _ in page.tags}
    assert all(source.startswith("data:") for source in page.attributes("src"))
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)


def test_examples_are_read_from_the_folder_only(tiny, tmp_path):
    (tmp_path / "secret-lr.png").write_bytes(b"secret")
    index = {"examples": [{"set": "a", "image": "b", "stem": "../../secret"}]}
    assert "data:image" not in write(tiny.make({"examples/index.json": index}))


def test_a_random_search_is_reported(tiny):
    history = [{"step": s, "sample": s, "psnr": 20.0 + s, "objective": 1 / s, "bitops": 1e9} for s in (1, 2)]
    text = write(
        tiny.make(
            {
                "search/history.jsonl": history,
                "search/result.json": {"supernet_psnr_y": None, "ties": []},
                "derive/result.json": {"discretization_gap_db": None},
                "result.json": {**tiny.result, "discretization_gap_db": None},
            }
        )
    )
    assert 'id="choices"' not in text
    assert "entropy" not in Page(text).text
    assert "there is no gap to measure" in text
    assert "does not weigh candidates" in text


def test_what_is_absent_is_left_out(tiny):
    optional = ("environment.json", "search/history.jsonl", "train/history.jsonl", "examples/index.json")
    results = [f"{stage}/result.json" for stage in ("search", "derive", "train", "evaluate")]
    empty = dict.fromkeys(tiny.result)
    text = write(tiny.make({**dict.fromkeys([*optional, *results]), "result.json": empty}))
    assert 'id="examples"' not in text
    assert set(listed_slots(text)) == set(tiny.architecture.slots)


@pytest.mark.parametrize("name", ["spec.yaml", "architecture.json", "result.json"])
def test_what_must_be_there_is_missed_by_name(tiny, name):
    with pytest.raises(InputError, match=name):
        write(tiny.make({name: None}))


def test_single_candidates_and_operations_without_bits(tiny):
    paths = [f"net.{i}.part.conv" for i in range(300)]
    bare = {"operation": {"name": "identity"}, "weight_bits": None, "activation_bits": None}
    record = {"step": 5, "epoch": 0, "psnr": math.inf, "probabilities": {path: {"identity": 1.0} for path in paths}}
    text = write(
        tiny.make(
            {
                "architecture.json": {"space": "gone", "slots": dict.fromkeys(paths, bare)},
                "search/history.jsonl": [record],
            }
        )
    )
    slots = listed_slots(text)
    assert list(slots) == paths
    assert all("identity" in words and "no bits" in words for words in slots.values())
    assert "could not be built again" in text


def test_the_same_folder_gives_the_same_page(tiny):
    folder = tiny.make()
    first = write(folder)
    assert write(folder) == first
    # Once the report is written, the run knows how long that took, but the page must stay the same.
    result = {**tiny.result, "seconds": {**tiny.result["seconds"], "report": 1.5}}
    folder.write_text("result.json", json.dumps(result))
    assert write(folder) == first


def test_uniform_networks_stand_beside_what_was_found(tiny):
    judged = {"found": {"psnr": 27.61, "bitops": 1e9}, "uniform 4": {"psnr": 27.402, "bitops": 9e8}}
    result = {"ties": [], "ties_at_end": [], "judged": judged, "kept": "found"}
    text = Page(write(tiny.make({"search/result.json": result}))).text
    assert "Beside uniform networks" in text
    assert "found 27.610 kept uniform 4 27.402" in text
    assert "Beside uniform networks" not in Page(write(tiny.make())).text


def test_baselines_stand_beside_the_found_network_and_link_to_their_pages(tiny):
    other = {"test": {"photos": {**tiny.scores, "psnr_y": 32.513}}, "bitops": {"32x32": 207_000_000}, "size": 8_000}
    named = {"float": other, "uniform 4": {**other, "folder": "../../elsewhere"}, HOSTILE: other}
    result = {**tiny.result, "baselines": named, "uniform_at_cost": "uniform 4"}
    text = write(tiny.make({"result.json": result}))
    assert "baselines/" not in text  # no run there has a page
    page = Page(text)
    assert "the search gained +0.25 dB on photos" in page.text.replace("The search", "the search")
    assert "uniform 4 (at this cost) 32.51 207 M" in page.text
    assert "script" not in {tag for tag, _ in page.tags}
    made = {"baselines/uniform-4/report/result.json": {"file": "report.html"}, "baselines/uniform-4/report.html": "x"}
    linked = Page(write(tiny.make({"result.json": result, **made})))
    assert [target for target in linked.attributes("href") if not target.startswith("#")] == [
        "baselines/uniform-4/report.html"
    ]
