"""The cost that reads a table of latencies."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from qnas.core.cli.main import invoke
from qnas.core.components import Cost, Quantizer, Space
from qnas.core.deploy.profiling.table import name_of
from qnas.core.files.folder import RunFolder
from qnas.core.network import count_choices, count_space, slot_candidates
from qnas.core.run.engine import summarize
from qnas.core.spec import Spec, dump_spec

from ...conftest import TINY
from ...latency_tables import CONSTANT, price, write_latencies

SPACE: dict[str, Any] = {
    "name": "basic",
    "channels": 6,
    "cells": 1,
    "bits": [4, 8],
    "operations": ["native", "conv1x1"],
}
TEXT = f"space: {json.dumps(SPACE)}\ntarget: openvino\n"
LSQ = Quantizer.of("lsq")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    write_latencies(tmp_path / "table.json", SPACE)
    return tmp_path / "table.json"


def costs(table: Path, more: str = "") -> str:
    return f"costs: {{latency: {{table: {table}{more}}}}}\n"


def test_a_network_costs_the_constant_and_its_candidates(table: Path) -> None:
    space, cost = Space.of(SPACE), Cost.of({"name": "latency", "table": str(table)})
    chosen = {path: options[-1] for path, options in slot_candidates(space, 2).items()}
    found = count_choices(space, 2, chosen, LSQ)
    assert found.total(cost) == CONSTANT + sum(price(name_of(part)) for part in found.slots.values())


def test_candidates_that_may_take_another_time_have_other_names() -> None:
    for name in ("edsr-baseline", "imdn", "rfdn", "quantnas-rfdn", "fsrcnn"):
        count = count_space(Space.of({"name": name, "bits": [[4, 8], 4]}), 2, LSQ)
        for options in count.slots.values():
            assert len({name_of(part) for part in options}) == len(options)
    slots = count_space(Space.of({"name": "edsr-baseline", "bits": [8]}), 2, LSQ).slots
    entrances = {part.entrance for options in slots.values() for part in options}
    assert {"3 channels, none", "64 channels, none, signed", "64 channels, relu"} <= entrances


def test_limits_are_read_in_units_of_time(load, table: Path) -> None:
    for text, nanoseconds in {
        "12 ms": 12_000_000,
        "12ms": 12_000_000,
        "0.0125 s": 12_500_000,
        "9000 us": 9_000_000,
        "9000 \N{MICRO SIGN}s": 9_000_000,
        "12000000 ns": 12_000_000,
        "12M": 12_000_000,
    }.items():
        spec = load(f"{TEXT}{costs(table)}limits: {{latency: {text}}}\n")
        assert spec.limits == {"latency": nanoseconds}
        assert load(dump_spec(spec)) == spec


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        ("12 kg", "limits.latency: must be a number, with its unit: 12 ms or 900 us (got '12 kg')"),
        ("12 MBitOps", "limits.latency: must be a number, with its unit: 12 ms or 900 us (got '12 MBitOps')"),
        ("1 us", "what the cheapest network of the space has (got 1 \N{MICRO SIGN}s)"),
    ],
)
def test_a_wrong_limit_is_told_with_its_place(mistakes, table: Path, limit: str, message: str) -> None:
    (line,) = mistakes(f"{TEXT}{costs(table)}limits: {{latency: {limit}}}\n")
    assert line.startswith("spec.yaml:4:19: limits.latency: ")
    assert line.endswith(message) or message in line, line


def test_a_limit_in_ms_needs_a_table(mistakes) -> None:
    (line,) = mistakes(f"{TEXT}limits: {{latency: 12 ms}}\n")
    assert line.startswith("spec.yaml:3:10: limits.latency: no such cost")
    assert line.endswith("; add costs: {latency: {table: ...}}")


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"processor": "Z80"}, "it was measured on 'Z80', and this is '"),
        (
            {"target": "onnxruntime", "between": None},
            "it was measured in 'onnxruntime', and the spec's target is 'openvino'",
        ),
        (
            {"target": {"name": "openvino", "precision": "bf16"}},
            "it was measured in 'openvino' (precision: bf16), and the spec's target is 'openvino'",
        ),
        ({"settings": {}}, "it was measured with the settings {}, and the target has {'INFERENCE_PRECISION_HINT'"),
        ({"versions": {"numpy": "0.1", "none-of-that": "1"}}, "it was measured with numpy 0.1, and "),
    ],
)
def test_a_table_of_another_machine_is_refused_unless_it_is_asked_for(
    mistakes, load, tmp_path: Path, changed: dict[str, Any], reason: str
) -> None:
    path = tmp_path / "table.json"
    write_latencies(path, SPACE, **changed)
    (line,) = mistakes(TEXT + costs(path))
    assert line.startswith(f"spec.yaml:3:26: costs.latency.table: {path}: {reason}"), line
    assert line.endswith("(anyway: true takes it all the same)")
    assert load(TEXT + costs(path, ", anyway: true")).costs["latency"].anyway


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"scale": 4}, "it was measured at scale 4, not 2"),
        ({"between": 8}, "it was measured with 8 bits between the slots, not floats"),
        ({"without": "conv1x1"}, "lacks the candidate 'conv1x1 behind "),
    ],
)
def test_a_table_of_other_networks_is_always_refused(
    mistakes, tmp_path: Path, changed: dict[str, Any], reason: str
) -> None:
    path = tmp_path / "table.json"
    write_latencies(path, SPACE, **changed)
    for more in ("", ", anyway: true"):
        (line,) = mistakes(TEXT + costs(path, more))
        assert line.startswith(f"spec.yaml:3:26: costs.latency.table: {path}: {reason}"), line


def test_a_table_of_another_space_is_refused_but_not_that_of_a_larger_one(mistakes, load, table: Path) -> None:
    fewer = TEXT.replace('"native", ', "")
    assert load(fewer + costs(table))
    other = TEXT.replace('"cells": 1', '"cells": 2')
    (line,) = mistakes(other + costs(table))
    assert "it was measured in networks of another space (basic(" in line


def test_what_is_no_table_is_told_in_one_line(mistakes, tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    (line,) = mistakes(TEXT + costs(path))
    assert line.endswith(f"{path}: can't be read: No such file or directory (qnas profile writes a table)")
    for content in ("", "{}", '{"latencies": 1}', "[1]", '{"latencies": 1, "setting": {"size": 3}}'):
        path.write_text(content)
        (line,) = mistakes(TEXT + costs(path))
        assert line.endswith("is no table of latencies, as qnas profile writes them")


def test_the_schema_has_its_fields() -> None:
    import jsonschema

    validator = jsonschema.Draft202012Validator(Spec.model_json_schema())
    right = "costs: {latency: {table: a.json, anyway: true}}\nlimits: {latency: 12 ms}"
    assert validator.is_valid(yaml.safe_load(right))
    assert not validator.is_valid(yaml.safe_load("costs: {latency: {}}"))
    assert not validator.is_valid(yaml.safe_load("costs: {latency: {table: a, anyways: true}}"))


def test_check_shows_the_range_in_ms(tmp_path: Path, table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "spec.yaml"
    text = TINY.replace("bits: [4, 8]", "bits: [4, 8]\n  operations: [native, conv1x1]")
    path.write_text(text + costs(table) + "limits: {latency: 1 s}\n")
    space = yaml.safe_load(text)["space"]
    write_latencies(table, space)
    assert invoke(["check", str(path)]) == 0
    printed = capsys.readouterr().out
    counted = count_space(Space.of(space), 2, LSQ).table(Cost.of({"name": "latency", "table": str(table)}))
    low, high = (f"{1e-6 * nanoseconds:.3g} ms" for nanoseconds in (counted.lowest, counted.highest))
    assert f"latency (openvino, 2 threads, 256 x 256 LR): {low} to {high}\n" in printed
    assert "limits: 1 s\n" in printed
    assert (
        f"limits.latency rules no network out: the dearest network of the space has {counted.highest / 1e6:g}"
        in printed
    )


@pytest.mark.slow
def test_a_run_keeps_the_table_and_states_the_latency(
    tmp_path: Path, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = TINY.replace("bits: [4, 8]", "bits: [4, 8]\n  operations: [native, conv1x1]")
    space = yaml.safe_load(text)["space"]
    write_latencies(table, space)
    cost = Cost.of({"name": "latency", "table": str(table)})
    counted = count_space(Space.of(space), 2, LSQ).table(cost)
    limit = (counted.lowest + counted.highest) // 2
    spec, run = tmp_path / "spec.yaml", tmp_path / "run"
    spec.write_text(text + costs(table) + f"limits: {{latency: {limit} ns}}\n")
    assert invoke(["run", str(spec), "--out", str(run), "--until", "search"]) == 0
    table.unlink()  # the run has its own
    assert invoke(["run", str(spec), "--out", str(run), "--resume"]) == 0
    result = json.loads((run / "result.json").read_text())
    assert counted.lowest <= result["latency"] <= limit
    assert result["limits"]["latency"] == {"limit": limit, "used": result["latency"]}
    assert f", {1e-6 * result['latency']:.3g} ms" in capsys.readouterr().out
    (run / "export").mkdir(exist_ok=True)
    setting = json.loads(next((run / "costs").glob("*.json")).read_text())["setting"]
    timing = {**setting, "sha256": "", "is_verified": False, "networks": {"found": {"median_seconds": 0.0315}}}
    (run / "export/bench.json").write_text(json.dumps({"measured": [timing]}))
    assert invoke(["report", str(run)]) == 0
    page = (run / "report.html").read_text().replace("\N{NO-BREAK SPACE}", " ")
    assert "openvino, 2 threads, 256 x 256 LR; measured 31.5 ms" in page
    assert summarize(RunFolder(run))["measured"] == {"latency": pytest.approx(31.5e6)}
    derived = tmp_path / "derived"
    assert invoke(["derive", str(run), "--limit", f"latency={counted.lowest} ns", "-o", str(derived)]) == 0
    assert json.loads((derived / "result.json").read_text())["latency"] == counted.lowest


def test_what_was_measured_elsewhere_is_not_beside_it(table: Path) -> None:
    cost = Cost.of({"name": "latency", "table": str(table)})
    setting = json.loads(table.read_text())["setting"]
    timing = {**setting, "networks": {"found": {"median_seconds": 0.5}}}
    assert cost.measured([]) is None
    for other in ({"threads": 1}, {"size": [64, 64]}, {"processor": "Z80"}, {"target": "onnxruntime"}):
        assert cost.measured([{**timing, **other}]) is None
    assert cost.measured([{**timing, "threads": 1}, timing]) == pytest.approx(5e8)
