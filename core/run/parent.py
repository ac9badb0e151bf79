"""Runs that are derived from another: they take its network, or choose another one by its probabilities."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from torch import Tensor, nn

from qnas.core.components import Quantizer
from qnas.core.errors import InputError, first_line
from qnas.core.files.folder import RunFolder
from qnas.core.network import Architecture, fill_joints
from qnas.core.network.calibration import calibrate_for_training
from qnas.core.run.chosen import write_chosen
from qnas.core.run.names import (
    ARCHITECTURE,
    BEST_BEFORE,
    ENVIRONMENT,
    FLOAT_WEIGHTS,
    HISTORY,
    IMAGE_NAMES,
    IMAGES,
    LAST_ARCHITECTURE,
    MODEL,
    PARENT,
    PARENT_WEIGHTS,
    SUPERNET,
    result_of,
)
from qnas.core.run.record import RunRecord
from qnas.core.search.uniform_choices import Choice, same_operations
from qnas.core.spec import Spec
from qnas.core.spec.run_name import longest_with
from qnas.core.spec.spec import UNTRIED

_TAKEN = (
    ARCHITECTURE,
    BEST_BEFORE,
    LAST_ARCHITECTURE,
    f"search/{HISTORY}",
    result_of("search"),
    result_of("derive"),
)
"""What the search left and a run that takes its network over has too."""
_OF_FRONT = {"front", "notices", "ties_at_end"}
"""What the search says of all points, or of its own alone."""


def derived_spec(parent: RunRecord, between: int, steps: int, learning_rate: float | None) -> Spec:
    """The spec of a run that tunes the network of another with integers between its slots.

    It exports to those of the other's targets that can run such a network.

    Args:
        parent: The other, which has trained its network.
        between: Their width.
        steps: How many steps to tune for.
        learning_rate: Of the tuning; by default as in the training.

    Raises:
        InputError: The parent has no network yet, has integers there already, or its network can't have any; or its
            spec is not valid any more.
    """
    parent.refuse_untrained()
    if parent.architecture.is_float:
        raise InputError("has a network in float, which can't have integers between its slots", str(parent.path))
    if parent.between is not None:
        raise InputError(f"already has {parent.between} bits between its slots", str(parent.path))
    before = parent.spec.model_dump(mode="json")
    targets = [target for target in parent.spec.exported_to if not target.unfit(between)]
    train = {**before["train"], "steps": steps, "start": None, "float_steps": None, "narrowing": []}
    if learning_rate is not None:
        train["learning_rate"] = learning_rate
    changed = {
        "name": f"{before['name']}-between-{between}",
        "train": train,
        "quantizer": {**before["quantizer"], "between": between},
        "target": None,
        "export": [target.model_dump(mode="json") for target in targets],
        "baselines": [],
    }
    return _changed(parent, changed, f"can't have {between} bits between its slots")


def limited_spec(parent: RunRecord, limits: Mapping[str, str], steps: int | None, learning_rate: float | None) -> Spec:
    """The spec of a run that trains another network of another run's search, one that keeps to these limits.

    Args:
        parent: The other, whose search has ended and left its supernet.
        limits: By the cost's name, as in a spec; they take the place of those that the parent's spec has.
        steps: How many steps to train for; by default as the parent.
        learning_rate: Of the training; by default as the parent's.

    Raises:
        InputError: There is no such search, its spec is not valid any more, or no network keeps to the limits.
    """
    parent.refuse_unsearched()
    if not parent.folder.has(SUPERNET):
        raise InputError(f"the search of the run left no probabilities (no {SUPERNET} in it)", str(parent.path))
    ending = "-".join(f"{name}-{limit}".replace(" ", "") for name, limit in limits.items())
    changed = {"name": f"{parent.spec.name}-{ending}", **_trained_again(parent, limits, steps, learning_rate)}
    return _changed(parent, changed, "can't be held to these limits")


def front_spec(parent: RunRecord, number: int, steps: int | None, learning_rate: float | None) -> Spec:
    """The spec of a run that trains a network of the front of another run.

    Args:
        parent: The other, whose search has ended.
        number: Of the point, from 1.
        steps: How many steps to train for; by default as the parent.
        learning_rate: Of the training; by default as the parent's.

    Raises:
        InputError: There is no such point, or the spec is not valid any more.
    """
    limits = _point(parent, number)["limits"]
    name = longest_with(parent.spec.name, f"-front-{number}")
    changed = {"name": name, **_trained_again(parent, limits, steps, learning_rate)}
    return _changed(parent, changed, f"can't have point {number} of the front")


def points_left(parent: RunRecord) -> list[int]:
    """The numbers of the points of its front that a run does not train itself: all but the last.

    Raises:
        InputError: It has no front.
    """
    _point(parent, 1)
    return list(range(1, len(parent.front)))


def _point(parent: RunRecord, number: int) -> Mapping[str, Any]:
    """A point of the front, by its number."""
    parent.refuse_unsearched()
    points = parent.front
    if not points:
        raise InputError("its search looked for no front: set search.front", str(parent.path))
    if not 1 <= number <= len(points):
        raise InputError(f"its front has the points 1 to {len(points)} (got {number})", str(parent.path))
    return points[number - 1]


def _trained_again(
    parent: RunRecord, limits: Mapping[str, object], steps: int | None, learning_rate: float | None
) -> dict[str, Any]:
    """What differs in the spec of a run that trains another network of the same search."""
    train = {"steps": steps, "learning_rate": learning_rate}
    search = parent.spec.search.model_dump(mode="json")
    return {
        "search": {**search, "front": None} if parent.spec.search.front_points > 1 else search,
        "limits": {**parent.spec.limits, **limits},
        "regularizers": {},  # nothing is searched
        "baselines": [],
        "train": {
            **_without_baselines(parent.spec),
            **{key: value for key, value in train.items() if value is not None},
        },
    }


def uniform_spec(parent: RunRecord, name: str) -> Spec:
    """The spec of a run that trains a uniform network by the protocol of another run, to compare the two.

    Args:
        parent: The other.
        name: The name of the network, such as ``uniform 8``.
    """
    spec = parent.spec
    changed = {
        "name": longest_with(spec.name, f"-{name.replace(' ', '-')}"),
        "limits": {},
        "train": _without_baselines(spec),
        "baselines": [],
        "export": [],
    }
    if spec.search.unfit(spec.space, {}):  # which is not run: any that needs no limits will do
        changed["search"] = Spec.model_fields["search"].default
    return _changed(parent, changed, f"can't be compared with {name}", UNTRIED)


def _without_baselines(spec: Spec) -> dict[str, Any]:
    """How a run trains of which no network in float is judged."""
    train = spec.train.model_dump(mode="json")
    return train if spec.learns_from_float else {**train, "float_steps": None}


def _changed(
    parent: RunRecord,
    changed: Mapping[str, Any],
    refusal: str,
    context: Mapping[str, Any] | None = None,
) -> Spec:
    try:
        with parent.as_it_was():
            return Spec.model_validate({**parent.spec.model_dump(mode="json"), **changed}, context=context)
    except ValidationError as error:
        raise InputError(f"{refusal}: {first_line(error)}", str(parent.path)) from None


def choose_again(parent: RunRecord, spec: Spec, folder: RunFolder) -> None:
    """Copy the search of the parent, and choose the most probable network that keeps to the limits of the spec."""
    _copy(parent, folder, f"search/{HISTORY}", SUPERNET)
    with parent.as_it_was():
        chosen = spec.allowed_networks().best(parent.folder.read_tensors(SUPERNET)["alpha"])
        found = Architecture.from_candidates(parent.architecture.space, spec.scale, chosen)
    folder.write_json(result_of("search"), {**parent.stages["search"], **write_chosen(folder, found, found)})
    known = {"name": parent.spec.name, "folder": str(parent.path), "limits": dict(spec.limits)}
    folder.write_json(PARENT, known)


def begin_point(parent: RunRecord, number: int, spec: Spec, folder: RunFolder) -> None:
    """Copy the search of the parent, and choose a network of its front.

    Args:
        parent: The parent.
        number: Of the point, from 1.
        spec: The run's, from :func:`front_spec`.
        folder: The run's.

    Raises:
        InputError: The point is damaged.
    """
    point = _point(parent, number)
    _copy(parent, folder, f"search/{HISTORY}", SUPERNET)
    where = f"{parent.path / result_of('search')}: front.{number - 1}"
    with parent.as_it_was():
        found = Architecture.from_json(json.dumps({**parent.architecture_data, "slots": point.get("slots")}), where)
    # What the supernet was worth is known for the parent's network alone.
    own: dict[str, Any] = {"supernet_psnr_y": None, "ties": [], **write_chosen(folder, found, found)}
    search = {key: value for key, value in parent.stages["search"].items() if key not in _OF_FRONT}
    folder.write_json(result_of("search"), {**search, **own})
    known = {"name": parent.spec.name, "folder": str(parent.path), "limits": dict(spec.limits), "front": number}
    folder.write_json(PARENT, known)


def begin_uniform(parent: RunRecord, spec: Spec, name: str, chosen: Choice, folder: RunFolder) -> None:
    """Write into the folder of a run the uniform network that it trains, and what the training starts from.

    Args:
        parent: The run that it is compared with.
        spec: The run's, from :func:`uniform_spec`.
        name: The name of the network.
        chosen: Its candidates.
        folder: The run's.
    """
    _copy(parent, folder, ENVIRONMENT, IMAGES, IMAGE_NAMES)
    result: dict[str, Any] = {"supernet_psnr_y": None, "ties": [], "seconds": 0.0}
    if spec.start == "supernet":
        _copy(parent, folder, SUPERNET)
        result["supernet_psnr_y"] = parent.stages["search"]["supernet_psnr_y"]
    if spec.needs_float and same_operations(parent.architecture.candidates(), chosen):
        _copy(parent, folder, FLOAT_WEIGHTS, f"float/{HISTORY}")  # in float it is the same network
        folder.write_json(result_of("float"), {**parent.stages["float"], "seconds": 0.0})
    uniform = Architecture.from_candidates(parent.architecture.space, spec.scale, chosen)
    folder.write_json(result_of("search"), {**result, **write_chosen(folder, uniform, uniform)})
    folder.write_json(PARENT, {"name": parent.spec.name, "folder": "../..", "baseline": name})


def _copy(parent: RunRecord, folder: RunFolder, *names: str) -> None:
    """Copy those of these files that the parent has."""
    for name in names:
        if parent.folder.has(name):
            (folder.path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(parent.path / name, folder.path / name)


def take_over(parent: RunRecord, folder: RunFolder) -> None:
    """Copy what a run needs of its parent into its folder, and note where it comes from."""
    _copy(parent, folder, *_TAKEN)
    shutil.copyfile(parent.path / MODEL, folder.path / PARENT_WEIGHTS)
    digest = hashlib.sha256((parent.path / MODEL).read_bytes()).hexdigest()
    known = {"name": parent.spec.name, "folder": str(parent.path), "between": parent.between, "model_sha256": digest}
    folder.write_json(PARENT, known)


@dataclass(frozen=True)
class Child:
    """A network that was taken over, with new quantizers between its slots.

    Attributes:
        network: It starts with the parent's weights.
        filled: The layers between, whose quantizers are to be set up.
    """

    network: nn.Module
    filled: nn.ModuleList

    def calibrate(self, lr: Tensor) -> None:
        """Set up the new quantizers; all others stay as they were trained."""
        calibrate_for_training(self.network, lambda: self.network(lr), only=self.filled)


def taken_over(folder: RunFolder, architecture: Architecture, quantizer: Quantizer, between: int) -> Child:
    """The network that a run took from its parent.

    Raises:
        InputError: What was taken over is damaged.
    """
    known: dict[str, Any] = folder.read_json(PARENT)
    network = architecture.rebuild(quantizer, known.get("between"))
    network.load_state_dict(folder.read_tensors(PARENT_WEIGHTS))
    return Child(network, nn.ModuleList(fill_joints(network, quantizer, between)))
