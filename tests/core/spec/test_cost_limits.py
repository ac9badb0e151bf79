"""``limits`` in a spec: how they are written, and the messages about wrong ones."""

import jsonschema
import pytest
import yaml

from qnas.core.spec import Spec, dump_spec

SPEC = "space: {name: basic, channels: 6, cells: 1, bits: [4, 8], operations: [native]}\nlimits: "


@pytest.fixture(scope="module")
def validator():
    return jsonschema.Draft202012Validator(Spec.model_json_schema())


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{bitops: 1.5G}", 1_500_000_000),
        ("{bitops: 1.5 GBitOps}", 1_500_000_000),
        ("{bitops: 1.5 G BitOps}", 1_500_000_000),
        ("{bitops: 1.5e9}", 1_500_000_000),
        ("{bitops: 1500000000}", 1_500_000_000),
        ("{bitops: 0.0015T}", 1_500_000_000),
        ("{params: 40k}", 40_000),
        ("{size: 20 kB}", 20_000),
        ("{size: 20 KB}", 20_000),
        ("{size: 20000 B}", 20_000),
        ("{size: 20.0009k}", 20_000),  # rounded down
        ("{macs: 5 MMACs}", 5_000_000),
        ("{mine: 5 MMACs}\ncosts: {mine: macs}", 5_000_000),
    ],
)
def test_units_are_read(load, validator, text: str, value: int) -> None:
    spec = load(SPEC + text)
    assert list(spec.limits.values()) == [value]
    assert load(dump_spec(spec)) == spec
    assert validator.is_valid({"limits": yaml.safe_load(text.splitlines()[0])})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{bitps: 1G}", "2:10: limits.bitps: no such cost; did you mean 'bitops'? (costs: bitops, macs, params, size)"),
        ("{energy: 1G}", "2:10: limits.energy: no such cost (costs: bitops, macs, params, size)"),
        ("{bitops: 1 kB}", "2:18: limits.bitops: must be a number, with k, M, G or T if need be: 4.6G or 4.6 GBitOps"),
        ("{params: 1 Ki}", "2:18: limits.params: must be a number, with k, M, G or T if need be: 4.6G (got '1 Ki')"),
        ("{bitops: true}", "2:18: limits.bitops: must be a number, with k, M, G or T if need be"),
        ("{bitops: [1]}", "2:18: limits.bitops: must be a number, with k, M, G or T if need be"),
        ("{bitops: .inf}", "2:18: limits.bitops: must be a number, with k, M, G or T if need be"),
        ("{bitops: }", "2:17: limits.bitops: must be a number, with k, M, G or T if need be"),
        ("{bitops: -1}", "2:18: limits.bitops: must be at least 0 and less than 9,007,199,254,740,992 (got -1)"),
        ("{bitops: 9999T}", "2:18: limits.bitops: must be at least 0 and less than 9,007,199,254,740,992"),
        ("3G", "2:9: limits: must be a mapping (got '3G')"),
        ("{bitops: 1k}", "2:18: limits.bitops: must be at least "),
        (
            "{bitops: 1G}\nregularizers: {mine: {name: cost}}",
            "3:22: regularizers.mine: limits hold 'bitops' without a penalty: leave it out, or set its weight to 0",
        ),
    ],
)
def test_a_wrong_limit_is_told_with_its_place(mistakes, text: str, message: str) -> None:
    (line,) = mistakes(SPEC + text)
    assert line.startswith(f"spec.yaml:{message}"), line


@pytest.mark.parametrize("wrong", ["1 K!", "many", "-1", [1], None, -1])
def test_the_schema_refuses_what_is_no_amount(validator, wrong: object) -> None:
    assert not validator.is_valid({"limits": {"bitops": wrong}})
    assert validator.is_valid({"limits": {"bitops": 3, "mine": "2 kJ"}})


def test_with_limits_only_entropy_is_penalized_unless_the_spec_says_otherwise(load) -> None:
    assert list(load(SPEC + "{params: 4k}").regularizers) == ["entropy"]
    assert list(load(SPEC + "{}").regularizers) == ["entropy", "cost"]
    others = "regularizers: {l1: {}, cost: {cost: macs}, without: {name: cost, cost: params, weight: 0}}"
    assert list(load(f"{SPEC}{{params: 4k}}\n{others}").regularizers) == ["l1", "cost", "without"]
