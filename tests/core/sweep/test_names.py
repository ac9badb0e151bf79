"""Names of points: safe in a path, all different, and unchanged when values are added."""

import re

from hypothesis import given, strategies as st

from qnas.core.sweep.names import point_names, short_key

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=200)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3)
)
KEYS = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(".".join)
POINTS = st.lists(st.fixed_dictionaries({"space.bits": VALUES, "space.x": SCALARS}), unique_by=repr, max_size=6)


@given(POINTS)
def test_names_are_safe_short_and_all_different(points: list[dict[str, object]]) -> None:
    names = point_names(points)
    assert len(set(names)) == len(points)
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+,=-]*", name) and len(name) <= 120 for name in names)


@given(POINTS, POINTS)
def test_points_keep_their_names_when_others_are_added(
    points: list[dict[str, object]], more: list[dict[str, object]]
) -> None:
    assert point_names([*points, *more])[: len(points)] == point_names(points)


@given(st.sets(KEYS, min_size=1, max_size=6))
def test_keys_stay_different_when_they_are_short(keys: set[str]) -> None:
    short = [short_key(key, keys) for key in keys]
    assert len(set(short)) == len(keys)
    assert all(f".{key}".endswith(f".{one}") for key, one in zip(keys, short, strict=True))


def test_values_are_told_as_they_are_written() -> None:
    values = [0.001, 1e-4, 0, -0.5, 4, [4], [[4, 8], 8], "adq", True, None, {"name": "imdn", "bits": [4]}, "a/b c"]
    told = [point_names([{"x.y": value}])[0].removeprefix("y=") for value in values]
    expected = ["0.001", "0.0001", "0", "-0.5", "4", "4", "4-8-8", "adq", "true", "null", "name-imdn-bits-4", "a-b-c"]
    assert told == expected
