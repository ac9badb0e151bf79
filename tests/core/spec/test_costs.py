"""Costs that a spec names: where they appear, and the messages about wrong ones."""

import json
import re
from functools import lru_cache
from pathlib import Path

import jsonschema
import pytest
import yaml

from qnas.core.cli.main import invoke
from qnas.core.components import ConvolutionShape, Cost, Part
from qnas.core.errors import InputError
from qnas.core.spec import Spec, dump_spec, load_spec
from qnas.core.spec.by_name import NO_COSTS
from qnas.core.spec.kept import complete

from ...conftest import TINY

CLOSED = 11


class Joules(Cost):
    """A price for each width, by a table, and a constant for what lies outside the slots.

    Attributes:
        table: A JSON file of them.
    """

    unit = "J"
    table: Path

    def of_convolution(self, convolution: ConvolutionShape) -> int:
        return convolution.macs * _read(self.table)[str(convolution.weight_bits)]

    def of_rest(self, part: Part) -> int:
        return CLOSED


@lru_cache
def _read(table: Path) -> dict[str, int]:
    prices: dict[str, int] = json.loads(table.read_text())
    return prices


@pytest.fixture
def joules(registered, tmp_path):
    (tmp_path / "table.json").write_text('{"4": 2, "8": 5, "32": 40}')
    return registered(Joules)


@pytest.fixture
def spec_file(joules, tmp_path):
    path = tmp_path / "spec.yaml"
    regularizers = "regularizers: {cost: {cost: joules, weight: 0.1}}"
    path.write_text(f"{TINY}costs: {{joules: {{table: {tmp_path}/table.json}}}}\n{regularizers}\n")
    return path


def wrong(tmp_path, text):
    path = tmp_path / "wrong.yaml"
    path.write_text(f"name: x\nscale: 2\nspace: {{channels: 6, cells: 1}}\n{text}\n")
    with pytest.raises(InputError) as caught:
        load_spec(path)
    return str(caught.value).replace(f"{path}:", "")


@pytest.mark.slow
def test_a_named_cost_is_counted_from_check_to_compare(spec_file, tmp_path, capsys):
    assert invoke(["check", str(spec_file)]) == 0
    assert "\njoules at 32 x 32 LR: " in capsys.readouterr().out
    run = tmp_path / "run"
    assert invoke(["run", str(spec_file), "--out", str(run)]) == 0
    each = r"\S+ \S*BitOps and \S+ \S*MACs and \S+ \S*J at 32x32 LR, [\d,]+ parameters, \S+ kB"
    assert re.search(each, capsys.readouterr().out)
    history = [json.loads(line) for line in (run / "search/history.jsonl").read_text().splitlines()]
    assert all(line["joules"] > CLOSED for line in history if "psnr" in line)
    result = json.loads((run / "result.json").read_text())
    figures = {key for record in (*history, result) for key in record}
    assert figures - set(load_spec(spec_file).counted_costs) <= NO_COSTS  # so that no cost can take their place
    stated = result["joules"]
    assert stated["256x256"] - CLOSED == 64 * (stated["32x32"] - CLOSED)
    page = (run / "report.html").read_text()
    assert "Joules, LR 32 \N{MULTIPLICATION SIGN} 32" in page
    assert invoke(["compare", str(run), "--out", str(tmp_path / "made"), "--cost", "joules"]) == 0
    assert "joules at 32 x 32 LR" in capsys.readouterr().out
    assert "joules.32x32" in (tmp_path / "made/compare.csv").read_text()


def test_a_regularizer_refers_to_the_cost_of_the_spec(spec_file):
    spec = load_spec(spec_file)
    assert spec.regularizers["cost"].cost is spec.costs["joules"]
    assert list(spec.counted_costs) == ["bitops", "macs", "params", "size", "joules"]


def test_a_key_may_be_any_name(joules, tmp_path):
    fields = {"name": "joules", "table": str(tmp_path / "table.json")}
    spec = Spec.model_validate({"name": "x", "costs": {"mine": fields}, "regularizers": {"cost": {"cost": "mine"}}})
    assert spec.regularizers["cost"].cost == spec.costs["mine"]
    assert Spec.model_validate(yaml.safe_load(dump_spec(spec))) == spec


def test_a_spec_from_before_costs_is_the_same_spec():
    before = {"name": "x", "version": 2, "space": "basic"}
    assert complete(before) == complete({**before, "costs": {}})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("costs: {joulez: }", "4:9: costs.joulez: no cost is named 'joulez'; did you mean 'joules'?"),
        ("costs: {joules: }", "4:16: costs.joules.table: is required"),
        ("costs: {joules: {tabel: a}}", "4:18: costs.joules.tabel: unknown field; did you mean 'table'?"),
        ("costs: {macs: {name: params}}", "4:15: costs.macs: is the name of another cost than 'params'"),
        ("costs: {loss: {name: macs}}", "4:15: costs.loss: is what a run's records call another figure"),
        ("costs: [joules]", "4:8: costs: must be a mapping (got ['joules'])"),
        ("regularizers: {cost: {cost: mine}}", "4:29: regularizers.cost.cost: no cost is named 'mine'"),
    ],
)
def test_a_wrong_cost_is_told_with_its_place(joules, tmp_path, text, message):
    told = wrong(tmp_path, text)
    assert told.startswith(message), told
    assert "\n" not in told


def test_the_schema_knows_them(joules):
    validator = jsonschema.Draft202012Validator(Spec.model_json_schema())
    right = [{"joules": {"table": "a"}}, {"mine": {"name": "joules", "table": "a"}}, {"size": None}, {"mine": "macs"}]
    assert all(validator.is_valid({"costs": costs}) for costs in right)
    assert validator.is_valid({"costs": right[1], "regularizers": {"cost": {"cost": "mine"}}})
    for costs in ({"joules": {}}, {"joules": None}, {"joules": {"table": 3}}, {"mine": {"table": "a"}}):
        assert not validator.is_valid({"costs": costs})
