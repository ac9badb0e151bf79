"""Runs that take their network from another: its architecture and weights, with other quantizers between."""

import hashlib
import shutil
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from torch import Tensor, nn

from qnas.core.components import Quantizer
from qnas.core.errors import InputError, first_line
from qnas.core.files.folder import RunFolder
from qnas.core.network import Architecture, fill_joints
from qnas.core.network.calibration import calibrate_for_training
from qnas.core.run.names import (
    ARCHITECTURE,
    BEST_BEFORE,
    HISTORY,
    LAST_ARCHITECTURE,
    MODEL,
    PARENT,
    PARENT_WEIGHTS,
    result_of,
)
from qnas.core.run.record import RunRecord
from qnas.core.spec import Spec

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
    if parent.between is not None:
        raise InputError(f"already has {parent.between} bits between its slots", str(parent.path))
    before = parent.spec.model_dump(mode="json")
    targets = [target for target in parent.spec.exported_to if not target.unfit(between)]
    train = {**before["train"], "steps": steps, "start": None, "float_steps": None, "narrowing": []}
    if learning_rate is not None:
        train["learning_rate"] = learning_rate
    name = f"{before['name']}-between-{between}"
    changed = {
        "name": name,
        "train": train,
        "quantizer": {**before["quantizer"], "between": between},
        "target": None,
        "export": [target.model_dump(mode="json") for target in targets],
    }
    try:
        with parent.as_it_was():
            return Spec.model_validate({**before, **changed})
    except ValidationError as error:
        raise InputError(
            f"can't have {between} bits between its slots: {first_line(error)}", str(parent.path)
        ) from None


def take_over(parent: RunRecord, folder: RunFolder) -> None:
    """Copy what a run needs of its parent into its folder, and note where it comes from."""
    for name in _TAKEN:
        if parent.folder.has(name):
            (folder.path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(parent.path / name, folder.path / name)
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
