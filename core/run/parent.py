"""Runs that are derived from another: they take its network, or choose another one by its probabilities."""

import hashlib
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
    SPEC,
    SUPERNET,
    result_of,
)
from qnas.core.run.record import RunRecord
from qnas.core.search.uniform_choices import Choice, same_operations
from qnas.core.spec import Spec
from qnas.core.spec.spec import UNTRIED, longest_with

_TAKEN = (
    ARCHITECTURE,
    BEST_BEFORE,
    LAST_ARCHITECTURE,
    f"search/{HISTORY}",
    result_of("search"),
    result_of("derive"),
)
"""What the search left and a run that takes its network over has too."""


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
    return _changed(parent, before, changed, f"can't have {between} bits between its slots")


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
    lacking = (
        (SPEC, "there is no run in the folder"),
        (result_of("search"), "the search of the run is not finished"),
        (SUPERNET, "the search of the run left no probabilities"),
    )
    for name, what in lacking:
        if not parent.folder.has(name):
            raise InputError(f"{what} (no {name} in it)", str(parent.path))
    before = parent.spec.model_dump(mode="json")
    train = {"steps": steps, "learning_rate": learning_rate}
    changed = {
        "name": "-".join([before["name"], *(f"{name}-{limit}".replace(" ", "") for name, limit in limits.items())]),
        "limits": {**before["limits"], **limits},
        "regularizers": {},  # nothing is searched
        "baselines": [],
        "train": {
            **_without_baselines(parent.spec),
            **{key: value for key, value in train.items() if value is not None},
        },
    }
    return _changed(parent, before, changed, "can't be held to these limits")


def uniform_spec(parent: RunRecord, name: str) -> Spec:
    """The spec of a run that trains a uniform network by the protocol of another run, to compare the two.

    Args:
        parent: The other.
        name: The name of the network, such as ``uniform 8``.
    """
    spec = parent.spec
    before = spec.model_dump(mode="json")
    changed = {
        "name": longest_with(spec.name, f"-{name.replace(' ', '-')}"),
        "limits": {},
        "train": _without_baselines(spec),
        "baselines": [],
        "export": [],
    }
    if spec.search.unfit(spec.space, {}):  # which is not run: any that needs no limits will do
        changed["search"] = Spec.model_fields["search"].default
    return _changed(parent, before, changed, f"can't be compared with {name}", UNTRIED)


def _without_baselines(spec: Spec) -> dict[str, Any]:
    """How a run trains of which no network in float is judged."""
    train = spec.train.model_dump(mode="json")
    return train if spec.learns_from_float else {**train, "float_steps": None}


def _changed(
    parent: RunRecord,
    before: Mapping[str, Any],
    changed: Mapping[str, Any],
    refusal: str,
    context: Mapping[str, Any] | None = None,
) -> Spec:
    try:
        with parent.as_it_was():
            return Spec.model_validate({**before, **changed}, context=context)
    except ValidationError as error:
        raise InputError(f"{refusal}: {first_line(error)}", str(parent.path)) from None


def begin_child(parent: RunRecord, spec: Spec, folder: RunFolder) -> None:
    """Write into the folder of a run what it takes from its parent, and note where it comes from.

    Args:
        parent: The parent.
        spec: The run's, from :func:`derived_spec` or :func:`limited_spec`.
        folder: The run's.
    """
    if spec.quantizer.between != parent.between:
        take_over(parent, folder)
    else:
        choose_again(parent, spec, folder)


def choose_again(parent: RunRecord, spec: Spec, folder: RunFolder) -> None:
    """Copy the search of the parent, and choose the most probable network that keeps to the limits of the spec."""
    _copy(parent, folder, f"search/{HISTORY}", SUPERNET)
    with parent.as_it_was():
        chosen = spec.allowed_networks().best(parent.folder.read_tensors(SUPERNET)["alpha"])
        found = Architecture.from_candidates(parent.architecture.space, spec.scale, chosen)
    folder.write_json(result_of("search"), {**parent.stages["search"], **write_chosen(folder, found, found)})
    known = {"name": parent.spec.name, "folder": str(parent.path), "limits": dict(spec.limits)}
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
