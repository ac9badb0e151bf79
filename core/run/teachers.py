"""The teachers of a run: the networks that its losses learn from."""

import contextlib
import hashlib
import json
from collections.abc import Iterator

import safetensors.torch
import torch
from torch import nn

from qnas.core.components import ModuleTeacher, Quantizer, RunTeacher, Space, Teacher
from qnas.core.errors import InputError, as_input_error, from_field
from qnas.core.files.folder import RunFolder
from qnas.core.network import build_original, guard, refuse_scale, slot_candidates
from qnas.core.network.probing.seeds import generators_kept, seed_everything
from qnas.core.run.deployment.found import load_found
from qnas.core.run.names import FLOAT_WEIGHTS, TEACHERS
from qnas.core.run.record import RunRecord
from qnas.core.spec import Spec
from qnas.core.training.criterion import Teachers, teachers_in
from qnas.core.training.features import slots_in
from qnas.core.training.machine import Machine

_CPU = torch.device("cpu")


def refuse_unfit_teachers(spec: Spec) -> None:
    """Refuse teachers that can't be loaded, or don't enlarge patches by the spec's scale.

    The network in float is none of them: it is trained later.

    Raises:
        InputError: It comes from the field that names the teacher.
    """
    for stage in spec.losses_of:
        for _ in _networks(spec, stage, None):
            pass


def find_teachers(spec: Spec, stage: str, folder: RunFolder, machine: Machine) -> Teachers:
    """The networks that the losses of a stage learn from, on the machine, in evaluation mode.

    The folder keeps a digest of each, so that a run that is resumed goes on with the same.

    Raises:
        InputError: One can't be loaded, does not fit, or is not the one that the run began with.
    """
    found = {}
    for field, teacher, network in _networks(spec, stage, folder):
        with from_field(*field):
            _refuse_other(teacher, network, folder)
        found[teacher] = machine.place(network)
    return found


def _networks(spec: Spec, stage: str, folder: RunFolder | None) -> Iterator[tuple[tuple[str, ...], Teacher, nn.Module]]:
    """The field that names each teacher of a stage, and its network on the CPU; without a folder, not that in float."""
    losses = spec.losses_of[stage]
    for teacher in teachers_in(losses):
        if teacher == "float" and folder is None:
            continue
        taught = [name for name, loss in losses.items() if loss.weight and loss.taught_by == teacher]
        field = (*spec.field_of_loss(stage), taught[0], "teacher")
        with _inside(field, teacher), generators_kept():
            seed_everything(spec.seed)
            network = _network(teacher, spec, folder).eval()
            _refuse_misfit(network, spec)
            if any(losses[name].sees_features for name in taught):
                _refuse_other_slots(network, spec)
        yield field, teacher, network


@contextlib.contextmanager
def _inside(field: tuple[str, ...], teacher: Teacher) -> Iterator[None]:
    """Record the field in an InputError that is raised inside; that of a space may already name one of its own."""
    try:
        yield
    except InputError as error:
        of_space = ("space",) if teacher == "weights" else (*field, "module")
        error.field = (*of_space, *error.field) if error.field else field
        raise


def _network(teacher: Teacher, spec: Spec, folder: RunFolder | None) -> nn.Module:
    if isinstance(teacher, RunTeacher):
        found = load_found(teacher.run, _CPU)
        if found.scale != spec.scale:
            raise InputError(f"{teacher.run} enlarges by {found.scale}, but the scale of this spec is {spec.scale}")
        return found.network
    if isinstance(teacher, ModuleTeacher):
        return _in_float(teacher.module, spec.scale)
    if teacher == "float" and folder is not None:
        return float_network(folder)
    return _in_float(spec.space, spec.scale)


def float_network(folder: RunFolder) -> nn.Module:
    """The network of the found architecture, as the stage ``float`` trained it."""
    network = RunRecord(folder).untrained(Quantizer.of("none"))
    network.load_state_dict(folder.read_tensors(FLOAT_WEIGHTS))
    return network


def _in_float(space: Space, scale: int) -> nn.Module:
    """The original network of a space that has weights."""
    if not space.has_weights:
        raise InputError(
            f"the space '{space.known_as}' starts from fresh weights, so there is nothing to learn from it: let its"
            " 'weights' name a file, or use another teacher"
        )
    with guard(space):
        refuse_scale(space, scale)
        return build_original(space, scale)


def _refuse_misfit(network: nn.Module, spec: Spec) -> None:
    """Refuse a teacher that makes something else of a patch than the network in training does."""
    patch, large = spec.data.patch, spec.data.patch * spec.scale
    with torch.no_grad(), as_input_error(f"the teacher can't run on a patch of {patch} x {patch}"):
        made = network(torch.zeros(1, 3, patch, patch))
    if tuple(made.shape) != (1, 3, large, large):
        raise InputError(f"the teacher makes {tuple(made.shape)} of a patch, not {(1, 3, large, large)}")


def _refuse_other_slots(network: nn.Module, spec: Spec) -> None:
    """Refuse a teacher that has no features to compare with those of the network in training."""
    if slots_in(network).keys().isdisjoint(slot_candidates(spec.space, spec.scale)):
        raise InputError("the teacher has no slot of the space, so there are no features to compare: set features to 0")


def _refuse_other(teacher: Teacher, network: nn.Module, folder: RunFolder) -> None:
    """Keep the digest of a teacher, or refuse it if it is not the one that has been kept."""
    kept = folder.read_json(TEACHERS) if folder.has(TEACHERS) else {}
    name = json.dumps(teacher if isinstance(teacher, str) else teacher.model_dump(mode="json"), sort_keys=True)
    weights = {key: value.detach().contiguous().clone() for key, value in network.state_dict().items()}
    digest = hashlib.sha256(safetensors.torch.save(weights)).hexdigest()
    if kept.setdefault(name, digest) != digest:
        raise InputError("is not the network that this run began to learn from: its weights have changed")
    folder.write_json(TEACHERS, kept)
