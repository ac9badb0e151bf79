"""The stage ``baselines``: other networks are judged like the found one, most once they are trained like it."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from torch import nn

from qnas.core.components import Quantizer
from qnas.core.errors import QnasError
from qnas.core.files.exclusive import exclusive
from qnas.core.files.folder import RunFolder
from qnas.core.files.home import at_home
from qnas.core.network import Architecture, build_original, guard
from qnas.core.run.beginning import make_run_within
from qnas.core.run.beside import FLOAT, GIVEN
from qnas.core.run.names import STAGES, baseline, result_of
from qnas.core.run.parent import begin_uniform, uniform_spec
from qnas.core.run.record import RunRecord
from qnas.core.run.resuming.kept_files import with_kept_files
from qnas.core.run.resuming.kept_spec import note_changes, refuse_other_spec
from qnas.core.run.resuming.stop import Interrupted
from qnas.core.run.sizes import found_sizes
from qnas.core.run.stages.baseline_journal import BaselineJournal
from qnas.core.run.stages.planned import uniform_steps
from qnas.core.run.stages.under_way import Run
from qnas.core.run.teachers import float_network
from qnas.core.search.uniform_choices import (
    Choice,
    native_options,
    no_dearer,
    same_operations,
    uniform_choices,
    widest,
)
from qnas.core.spec import Spec
from qnas.core.training.journal import Journal
from qnas.core.upscale.scoring import judge_sets
from qnas.core.upscale.tiles import Upscaler

DoStages = Callable[[Run], object]

_NOT_OF_NETWORK = {"images", "limits", "seconds"}
"""What an evaluation leaves beside the scores of the network and its costs."""


class UniformBaselines(NamedTuple):
    """The uniform networks that a found one is compared with.

    Attributes:
        networks: Each by its name, such as ``uniform 8``.
        at_cost: The name of the widest that is no dearer than was asked for, None if there is none.
    """

    networks: Mapping[str, Choice]
    at_cost: str | None


def uniform_baselines(spec: Spec, found: Choice) -> UniformBaselines:
    """The widest uniform network of the space, and the widest within the limits, or without them, as cheap as this.

    Args:
        spec: Of the run.
        found: The candidates of the found network.
    """
    choices = uniform_choices(spec.space, spec.scale)
    quantizer, costs = spec.quantizer.train, spec.counted_costs
    at_cost = widest(choices, no_dearer(spec.space, spec.scale, quantizer, costs, spec.limits, found))
    bits = dict.fromkeys([max(choices), *([] if at_cost is None else [at_cost])])
    named = {f"uniform {width}": choices[width] for width in bits}
    return UniformBaselines(named, None if at_cost is None else f"uniform {at_cost}")


def train_baselines(run: Run, journal: Journal, do_stages: DoStages) -> dict[str, Any]:
    """Train the baselines of the spec like the found network, and judge them.

    Args:
        run: The run, whose network has been judged.
        journal: Where to report.
        do_stages: Does the stages of a run in this one's folder.

    Returns:
        What result.json has of them: under ``baselines`` the scores and costs of each network by its name.
    """
    began = time.monotonic()
    networks: dict[str, Any] = {}
    result: dict[str, Any] = {"baselines": networks}
    if "given" in run.spec.baselines:
        networks[GIVEN] = _judge_given(run, journal)
    if "float" in run.spec.baselines:
        networks[FLOAT] = _judge_unquantized(run, journal, FLOAT, float_network(run.folder), run.architecture)
    seconds = time.monotonic() - began
    if "uniform" in run.spec.baselines:
        uniform = uniform_baselines(run.spec, run.architecture.candidates())
        trained = _Uniform(run, journal, do_stages, uniform.networks)
        networks |= {name: trained.entry(name) for name in uniform.networks}
        result["uniform_at_cost"] = uniform.at_cost
        seconds += trained.seconds
    return {**result, "seconds": round(seconds, 3)}


def _judge_given(run: Run, journal: Journal) -> dict[str, Any]:
    """The scores of the original network with its weights; its costs too, if all its operations are in the space."""
    space, scale = run.spec.space, run.spec.scale
    with guard(space):
        network = build_original(space, scale)
    natives = native_options(space, scale)
    chosen = {path: of_slot[0] for path, of_slot in natives.items() if of_slot}
    architecture = Architecture.from_candidates(space, scale, chosen) if len(chosen) == len(natives) else None
    return _judge_unquantized(run, journal, GIVEN, network, architecture)


def _judge_unquantized(
    run: Run, journal: Journal, name: str, network: nn.Module, architecture: Architecture | None
) -> dict[str, Any]:
    """The scores of a network in float, and the costs of its architecture."""
    upscaler = Upscaler(run.machine.place(network).eval(), run.spec.scale, run.machine.device)
    told = BaselineJournal(run.folder, "evaluate", journal, name)
    judged = judge_sets(upscaler, run.images.test, run.spec.scale, lambda done, _: told.step(done, {}))
    if architecture is None:
        return {"test": judged.means}
    return {"test": judged.means, **found_sizes(architecture, Quantizer.of("none"), run.spec.counted_costs)}


class _Uniform:
    """The trainings of the uniform networks of a run, each a run in its folder.

    Attributes:
        seconds: That those which have ended took.
    """

    def __init__(self, run: Run, journal: Journal, do_stages: DoStages, networks: Mapping[str, Choice]) -> None:
        self.seconds = 0.0
        self._run = run
        self._record = RunRecord(run.folder)
        self._journal = journal
        self._do_stages = do_stages
        self._networks = networks
        found = run.architecture.candidates()
        trained = {name: chosen for name, chosen in networks.items() if chosen != found}
        self._steps = {
            name: uniform_steps(run.spec, same_operations(found, chosen)) for name, chosen in trained.items()
        }

    def entry(self, name: str) -> dict[str, Any]:
        """The scores and costs of a network, and its folder, once it is trained; the found one is trained already."""
        if name not in self._steps:
            return {**_judged(self._record), "is_found": True}
        folder = RunFolder(self._run.folder.path / baseline(name))
        if folder.has(result_of(STAGES[-1])):
            self._journal.resume(self._before(name) + _total(self._steps[name]))
        with _naming(name):
            self._train(name, folder)
        record = RunRecord(folder)
        self.seconds += sum(record.stages[stage]["seconds"] for stage in record.ended)
        return {**_judged(record), "folder": baseline(name)}

    def _train(self, name: str, folder: RunFolder) -> None:
        spec = uniform_spec(self._record, name)
        if RunRecord(folder).has_begun:
            refuse_other_spec(spec, folder)
            note_changes(spec, folder)
        else:
            begin = partial(begin_uniform, self._record, spec, name, self._networks[name])
            make_run_within(folder, spec, begin)
        run = replace(
            self._run,
            spec=with_kept_files(spec, folder.path),
            folder=folder,
            journal_of=partial(self._journal_of, name),
        )
        with exclusive(folder.path), at_home(folder.path):
            self._do_stages(run)

    def _journal_of(self, name: str, folder: RunFolder, stage: str) -> Journal:
        """A journal that reports steps behind those of the stages and networks before."""
        steps, before = self._steps[name], self._before(name)
        places = {"float": before, "train": before + steps["float"]}
        at, total = places.get(stage, before + _total(steps)), sum(map(_total, self._steps.values()))
        return BaselineJournal(folder, stage, self._journal, name, at, total, is_counted=stage in places)

    def _before(self, name: str) -> int:
        """Steps of the networks before this one."""
        names = list(self._steps)
        return sum(_total(self._steps[earlier]) for earlier in names[: names.index(name)])


def _total(steps: Mapping[str, int]) -> int:
    return sum(steps.values())


def _judged(record: RunRecord) -> dict[str, Any]:
    """The scores of a run's network, and its costs."""
    return {key: value for key, value in record.stages["evaluate"].items() if key not in _NOT_OF_NETWORK}


@contextlib.contextmanager
def _naming(name: str) -> Iterator[None]:
    """A context in which messages that end the run say which network they are about."""
    try:
        yield
    except (Interrupted, QnasError) as error:
        error.args = (f"{name}: {error}" if str(error) else "",)
        raise
