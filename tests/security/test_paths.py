"""Names in a file can't lead out of the folder that is written to."""

import json
import os
import re
from pathlib import Path, PurePath

import numpy as np
import pytest
from hypothesis import given, strategies as st

from qnas.core.cli.main import invoke
from qnas.core.comparison import find_runs
from qnas.core.errors import InputError
from qnas.core.files.folder import RunFolder
from qnas.core.images.pairs import ImagePair
from qnas.core.run.examples import write_examples
from qnas.core.run.run import run_spec
from qnas.core.spec import load_spec
from qnas.core.sweep.names import point_names
from qnas.core.sweep.plan import plan_points
from qnas.core.sweep.sweep_file import read_sweep

from ..synthetic_runs import SweepFolder

AWAY = ["../out", "/tmp/out", "..", ".", "", "a/b", "a\\b", "~", ".hidden", "a\n", "con\x00", "é"]


@pytest.mark.parametrize("name", AWAY)
def test_a_run_has_no_name_that_is_a_path(name: str, tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(f"name: {json.dumps(name)}\n")
    with pytest.raises(InputError, match=r"spec\.yaml:1:7: name: "):
        load_spec(spec)


@pytest.mark.parametrize("name", AWAY)
def test_a_variant_has_no_name_that_is_a_path(name: str, tmp_path: Path) -> None:
    sweep = tmp_path / "sweep.yaml"
    sweep.write_text(f"spec: a.yaml\nvariants: {{{json.dumps(name)}: {{}}}}\n")
    with pytest.raises(InputError, match=r"sweep\.yaml:2:\d+: variants\."):
        read_sweep(sweep)


values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text() | st.sampled_from(AWAY),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
keys = st.lists(st.sampled_from(["..", "/", "a", "b/c", "~", "é", "\n"]) | st.text(min_size=1), min_size=1, max_size=3)


@given(points=st.lists(st.dictionaries(keys.map(".".join), values, min_size=1, max_size=3), max_size=4))
def test_a_point_of_a_sweep_has_a_name_of_one_part(points: list[dict[str, object]]) -> None:
    for name in point_names(points):
        assert PurePath(name).parts == (name,)
        assert name not in {".", ".."}
        assert name.isascii()
        assert len(name) <= 120


def test_points_of_a_sweep_lie_in_its_folder(tiny: Path, tmp_path: Path) -> None:
    sweep = tmp_path / "sweep.yaml"
    sweep.write_text(
        "spec: spec.yaml\nvariants: {a: {vary: {data.train.path: [../../x, /etc], data.train.name: [folder]}}}\n"
    )
    with pytest.raises(InputError):  # there is nothing to train on
        plan_points(read_sweep(sweep))
    sweep.write_text("spec: spec.yaml\nvariants: {a: {vary: {name: [x, y.z]}}}\n")
    for point in plan_points(read_sweep(sweep)):
        assert (tmp_path / point.folder).resolve().is_relative_to(tmp_path.resolve())


@pytest.mark.parametrize("folder", ["../secret", "/etc", "a/../../secret", "", "a\x00b", "a\x1bb"])
def test_a_sweep_lists_no_run_outside(folder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = SweepFolder(tmp_path / "sweep")
    sweep.add("a", {}, 0)
    sweep.points.append({"folder": folder, "variant": "b", "values": {}, "seed": 0})
    sweep.finish()
    said = r"sweep\.json: is damaged: points\.1\.folder: .*must be a folder inside the sweep's"
    with pytest.raises(InputError, match=said):
        find_runs([tmp_path / "sweep"])


@pytest.mark.parametrize("name", ["../../x", "/etc/passwd", "a/b/..", "\x00", "é" * 300, "<script>", ""])
def test_example_images_stay_in_their_folder_whatever_sets_and_images_are_called(name: str, tmp_path: Path) -> None:
    pixels = np.zeros((8, 8, 3), dtype=np.uint8)
    pair = ImagePair(name, pixels, pixels[::2, ::2])
    write_examples(RunFolder(tmp_path / "run"), [(name, pair, pixels)])
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(files) == 5
    assert {file.parent for file in files} == {tmp_path / "run/examples"}


LEADS_OUT = "is a link that leads out of the folder to write to, or nowhere: replace it by what it leads to"


@pytest.mark.parametrize("link", ["run.log", ".lock", "train", "search/history.jsonl"])
def test_a_run_is_not_gone_on_with_where_a_link_leads_out(link: str, tiny: Path, tmp_path: Path) -> None:
    out, away = tmp_path / "out", tmp_path / "away"
    spec = load_spec(tiny)
    run_spec(spec, RunFolder(out), until="search")
    away.mkdir()
    target = away if link == "train" else away / "file"
    if link != "train":
        target.write_text("mine\n")
        (out / link).unlink(missing_ok=True)
    (out / link).symlink_to(target)
    with pytest.raises(InputError, match=f"{re.escape(link)}: {LEADS_OUT}"):
        run_spec(spec, RunFolder(out), resume=True)
    assert [file.read_text() for file in away.iterdir()] == ([] if link == "train" else ["mine\n"])


@pytest.mark.parametrize("links", [{"a": "a"}, {"a": "b", "b": "a"}, {"a": "a/a"}], ids=str)
def test_a_link_that_leads_to_itself_leads_out(links: dict[str, str], tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "spec.yaml").write_text(tiny.read_text())
    for name, target in links.items():
        (out / name).symlink_to(target)
    with pytest.raises(InputError, match=f"[ab]: {LEADS_OUT}"):
        run_spec(load_spec(tiny), RunFolder(out), resume=True)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_what_is_no_file_is_not_gone_on_with(tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "search").mkdir(parents=True)
    (out / "spec.yaml").write_text(tiny.read_text())
    os.mkfifo(out / "search/history.jsonl")
    with pytest.raises(InputError, match=r"history\.jsonl: is neither a file, a folder nor a link: remove it"):
        run_spec(load_spec(tiny), RunFolder(out), resume=True)


@pytest.mark.parametrize("link", ["logs/cells=1.txt", "logs", "cells=1", ".lock", "sweep.json"])
def test_a_sweep_does_not_write_where_a_link_leads(
    link: str, tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, away = tmp_path / "out", tmp_path / "away"
    (out / link).parent.mkdir(parents=True)
    away.mkdir()
    is_file = "." in link
    target = away / "file" if is_file else away
    if is_file:
        target.write_text("mine\n")
    (out / link).symlink_to(target)
    assert invoke(["sweep", str(tiny), "--vary", "space.cells=1", "--out", str(out)]) == 2
    assert capsys.readouterr().err == f"{out / link}: {LEADS_OUT}\n"
    assert [file.read_text() for file in away.iterdir()] == (["mine\n"] if is_file else [])


def test_links_inside_and_a_folder_that_is_one_itself_do_no_harm(tiny: Path, tmp_path: Path) -> None:
    spec = load_spec(tiny)
    run_spec(spec, RunFolder(tmp_path / "real"), until="search")
    (tmp_path / "out").symlink_to(tmp_path / "real")
    (tmp_path / "real/last.json").symlink_to("search/last.json")
    run_spec(spec, RunFolder(tmp_path / "out"), resume=True, until="derive")


def test_enlarged_images_are_named_by_their_names_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from PIL import Image

    from ..found_run import write_run

    write_run(tmp_path / "run")
    Image.new("RGB", (8, 8)).save(tmp_path / "..a.png")
    assert invoke(["upscale", str(tmp_path / "run"), str(tmp_path / "..a.png"), "-o", str(tmp_path / "out")]) == 0
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["..a_x2.png"]
