"""The spec that a run keeps is read as of its version, as far as it can be validated."""

from typing import Any

import pytest

from qnas.core.errors import InputError
from qnas.core.settings import SPEC_VERSION
from qnas.core.spec import Spec
from qnas.core.spec.kept import complete, known_version, read_kept, version_of


def whole(**fields: Any) -> dict[str, Any]:
    return Spec.model_validate({"name": "run", **fields}).model_dump(mode="json")


def test_what_is_whole_stays_as_it_is() -> None:
    assert complete(whole(seed=3)) == whole(seed=3)


def test_what_is_lacking_is_as_it_was_then() -> None:
    kept = whole(version=1)
    del kept["version"], kept["train"], kept["search"]["steps"]
    assert complete(kept) == whole(version=1)


def test_images_from_before_the_reduction_could_be_chosen_were_made_by_pillow() -> None:
    kept = whole(version=1)
    del kept["version"], kept["data"]["degradation"]
    assert version_of(kept) == 0
    assert complete(kept)["data"]["degradation"] == {"name": "pillow"}
    assert complete({**kept, "version": 1})["data"]["degradation"] == {"name": "matlab"}


def test_what_can_not_be_validated_stays_as_it_stands_and_all_else_is_completed() -> None:
    gone = {"name": "gone", "field": [1, 2]}
    kept = {"name": "run", "search": gone, "odd": 3, "train": {"steps": 7}}
    assert complete(kept) == {**whole(version=1, train={"steps": 7}), "search": gone, "odd": 3}


@pytest.mark.parametrize("version", [99, -1, "2", None])
def test_of_another_version_all_stays_as_it_stands(version: Any) -> None:
    kept = {"name": "run", "version": version, "train": {"steps": 7}}
    assert complete(kept) == kept
    assert known_version(kept) == SPEC_VERSION


def test_a_network_that_can_not_be_built_does_not_matter() -> None:
    space = {"name": "module", "target": "nowhere.nets:Net"}
    kept = {"name": "run", "space": space}
    assert complete(kept)["space"]["target"] == "nowhere.nets:Net"
    assert read_kept(f"{{name: run, space: {{name: module, target: '{space['target']}'}}}}", "spec.yaml").version == 1


def test_mistakes_are_reported_with_their_places() -> None:
    with pytest.raises(InputError) as caught:
        read_kept("name: run\nseed: x\ntrian: 3\n", "run/spec.yaml")
    assert str(caught.value).splitlines() == [
        "run/spec.yaml:2:7: seed: must be a whole number (got 'x')",
        "run/spec.yaml:3:1: trian: unknown field; did you mean 'train'? (fields: " + ", ".join(Spec.model_fields) + ")",
    ]
