"""A field whose default changes keeps the earlier one in specs of earlier versions."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import pytest
from pydantic import Field, ValidationError

from qnas.core.components import Regularizer
from qnas.core.settings import SPEC_VERSION, Settings, Versioned, as_of, version_in_force, versions as versions_of_spec

NEWEST = 4


@pytest.fixture(autouse=True)
def many_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretends that there have been more versions."""
    for module in ("versions", "versioned"):
        monkeypatch.setattr(f"qnas.core.settings.{module}.SPEC_VERSION", NEWEST)
    monkeypatch.setattr(versions_of_spec, "_in_force", type(versions_of_spec._in_force)("of_a_test", default=NEWEST))


class Base(Settings):
    earlier_defaults = {1: {"width": 10}, 3: {"width": 30}}

    width: int = 40


class Grown(Base):
    earlier_defaults = {2: {"start": "published"}}

    start: str = "least-error"


class Whole(Versioned):
    earlier_defaults = {1: {"extra": 7}, 2: {"penalty": "early"}}

    one: Grown = Field(default_factory=Grown)
    many: tuple[Grown, ...] = ()
    table: dict[str, Grown] = {}
    extra: int = 0
    penalty: Regularizer = "late"  # type: ignore[assignment]
    penalties: tuple[Regularizer, ...] = ()


class Late(Regularizer):
    earlier_defaults: ClassVar[Mapping[int, Mapping[str, Any]]] = {2: {"weight": 5}}

    def penalty(self, state: Any) -> Any:
        raise NotImplementedError


class Early(Late):
    pass


@pytest.fixture(autouse=True)
def both(registered: Callable[..., str]) -> None:
    registered(Late)
    registered(Early)


def test_without_a_version_the_newest_defaults_hold() -> None:
    whole = Whole(penalties=("late",))
    assert (whole.version, whole.extra, whole.penalty.name) == (NEWEST, 0, "late")
    assert whole.one == Grown(width=40, start="least-error")
    assert whole.penalties[0].weight == 1e-3


@pytest.mark.parametrize(
    ("version", "width", "start", "extra"),
    [
        (0, 10, "published", 7),
        (1, 10, "published", 7),
        (2, 30, "published", 0),
        (3, 30, "least-error", 0),
        (4, 40, "least-error", 0),
    ],
)
def test_the_first_entry_from_the_version_on_holds_wherever_a_group_stands(
    version: int, width: int, start: str, extra: int
) -> None:
    given = {"version": version, "many": [{}, {"width": 1}], "table": {"a": {"start": "own"}}}
    whole = Whole.model_validate(given)
    assert (whole.version, whole.extra) == (version, extra)
    assert (whole.one.width, whole.one.start) == (width, start)
    assert [(one.width, one.start) for one in whole.many] == [(width, start), (1, start)]
    assert (whole.table["a"].width, whole.table["a"].start) == (width, "own")


@pytest.mark.parametrize("reference", ["late", {"name": "late"}])
def test_components_take_them_however_they_are_named(reference: Any) -> None:
    whole = Whole.model_validate({"version": 1, "penalty": reference, "penalties": ["early", reference]})
    assert [whole.penalty.weight, *(one.weight for one in whole.penalties)] == [5, 5, 5]
    assert Whole.model_validate_json('{"version": 1, "penalties": ["late"]}').penalties[0].weight == 5


def test_a_component_that_was_another_by_default_may_be_left_unnamed() -> None:
    for version, name in ((2, "early"), (3, "late")):
        assert Whole.model_validate({"version": version}).penalty.name == name
        assert Whole.model_validate({"version": version, "penalty": {"weight": 2}}).penalty.name == name


def test_what_a_registered_name_presets_is_no_default(registered: Callable[..., str]) -> None:
    class Preset(Late):
        pass

    registered(Preset, weight=3)
    assert Whole.model_validate({"version": 1, "penalty": "preset"}).penalty.weight == 3


def test_a_context_holds_for_all_in_it_but_not_where_a_version_is_stated() -> None:
    with as_of(1):
        assert (version_in_force(), Grown().width, Whole().version) == (1, 10, 1)
        assert Whole(version=3).one.width == 30
        assert version_in_force() == 1
    assert Grown().width == 40


def test_what_is_read_again_from_what_is_written_is_the_same() -> None:
    for version in range(NEWEST + 1):
        whole = Whole.model_validate({"version": version, "many": [{}]})
        assert Whole.model_validate(whole.model_dump(mode="json")) == whole


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (NEWEST + 1, "was written by a newer qnas, and this one knows versions up to 4 \\(got 5\\)"),
        (-1, "greater than or equal to 0"),
        ("1", "valid integer"),
        (True, "valid integer"),
        (None, "valid integer"),
    ],
)
def test_other_versions_are_refused_in_one_line(version: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message) as caught:
        Whole.model_validate({"version": version, **({"of_later": 1} if version == NEWEST + 1 else {})})
    assert [details["loc"] for details in caught.value.errors()] == [("version",)]


def test_this_is_the_version_that_the_specs_of_now_have() -> None:
    assert SPEC_VERSION == 3
