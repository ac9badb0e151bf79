"""Which slots of a spec's network matter: what each of their candidates costs by itself, measured without a run."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qnas.core.errors import InputError, from_field
from qnas.core.files.folder import RunFolder
from qnas.core.network import build_original, guard, slot_candidates
from qnas.core.network.probing.seeds import generators_kept, seed_everything
from qnas.core.run.images import load_run_images
from qnas.core.run.stages.searching import search_task
from qnas.core.search.images import SearchImages
from qnas.core.search.sensitivity import Sensitivity
from qnas.core.search.task import SearchTask
from qnas.core.spec import Spec
from qnas.core.training.journal import Journal
from qnas.core.training.machine import Machine

Report = Callable[[str, int, int], None]


@dataclass(frozen=True)
class SlotSensitivity:
    """What the candidates of a slot cost by themselves.

    Attributes:
        path: The slot's; of slots that share their choice, that of the first.
        sharing: How many slots share the choice, 1 if none does.
        lost: PSNR on Y in dB that each candidate loses against the reference, by its label, the most first.
    """

    path: str
    sharing: int
    lost: Mapping[str, float]

    @property
    def most(self) -> float:
        """The most that a candidate loses, in dB."""
        return max(self.lost.values())


@dataclass(frozen=True)
class NetworkSensitivity:
    """The sensitivity of a network, see :class:`qnas.Sensitivity`.

    Attributes:
        given: PSNR on Y in dB on the held-out images of the network with its weights, in float.
        psnr: The same of the reference.
        images: How many images these are.
        slots: Those with a choice, the most sensitive first.
    """

    given: float
    psnr: float
    images: int
    slots: Sequence[SlotSensitivity]


def refuse_unmeasurable(spec: Spec) -> None:
    """Refuse a space whose network has no sensitivity.

    Raises:
        InputError: It states no weights, or has nothing to choose.
    """
    space = spec.space
    with from_field("space"):
        if not space.has_weights:
            raise InputError(f"the space '{space.known_as}' states no weights, which a sensitivity is measured on")
        if all(len(of_slot) < 2 for of_slot in slot_candidates(space, spec.scale).values()):
            raise InputError("no slot has a choice, so there is no sensitivity to measure")


def measure_sensitivity(spec: Spec, report: Report) -> NetworkSensitivity:
    """Measure what a search by sensitivity would, on the images that a run would learn from; no run is begun.

    Args:
        spec: See :func:`refuse_unmeasurable`.
        report: Called with what is being done, how much of it is done, and of how much.

    Raises:
        InputError: The device or the images can't be used.
    """

    def loaded(name: str, done: int, of: int) -> None:
        report(f"images of {name}", done, of)

    machine = Machine.choose(spec.device, spec.precision)
    data = spec.data.model_copy(update={"test": {}})
    images = load_run_images(data, spec.scale, spec.seed, loaded, spec.space, spec.largest_patch).learn
    with guard(spec.space), generators_kept():
        seed_everything(spec.seed)
        task = _task(spec, images, machine)
        given, _ = task.validate(machine.place(build_original(spec.space, spec.scale)).eval())
        sensitivity = Sensitivity(task, spec.search.batch)
        sensitivity.measure(lambda done, of: report("networks", done, of))
    slots = sorted(_slots(sensitivity), key=lambda slot: -slot.most)
    return NetworkSensitivity(given, sensitivity.psnr[0], len(images.validation), slots)


def _task(spec: Spec, images: SearchImages, machine: Machine) -> SearchTask:
    """What a run would search; nothing is recorded, and no loss minimized that needs a teacher."""
    return search_task(spec, images, machine, Journal(RunFolder(Path(spec.name)), "search"))


def _slots(sensitivity: Sensitivity) -> Iterator[SlotSensitivity]:
    options, sharing = list(sensitivity.task.candidates.items()), Counter(sensitivity.task.leaders)
    reference, *others = sensitivity.psnr
    lost: dict[int, dict[str, float]] = {}
    for case, psnr in zip(sensitivity.cases, others, strict=True):
        lost.setdefault(case.slot, {})[options[case.slot][1][case.candidate].label] = reference - psnr
    for slot, of_slot in lost.items():
        worst_first = dict(sorted(of_slot.items(), key=lambda one: -one[1]))
        yield SlotSensitivity(options[slot][0], sharing[slot], worst_first)
