"""What is known of a run's stages from its spec: which there are, and how many steps they take."""

from qnas.core.network import slot_candidates
from qnas.core.run.names import BASELINES, STAGES
from qnas.core.run.stages.searching import only_architecture
from qnas.core.search.uniform import MOST_RIVALS
from qnas.core.search.uniform_choices import native_options, uniform_choices
from qnas.core.spec import Spec

_MOST_UNIFORM = 2
"""Uniform networks that are trained for comparison: the widest of the space, and the widest at the cost."""


def stages_of(spec: Spec) -> list[str]:
    """The stages that a run of a spec has."""
    is_left_out = {"float": not spec.needs_float, BASELINES: not spec.baselines, "export": not spec.exported_to}
    return [stage for stage in STAGES if not is_left_out.get(stage)]


def planned_steps(spec: Spec, stage: str) -> int:
    """How many steps a stage will report, 0 for those that report none; for ``baselines`` the most that it may be."""
    if stage == "search" and only_architecture(spec) is None:
        return spec.search.planned_steps()
    if stage == "float" and spec.needs_float:
        return _float_steps(spec)
    if stage == BASELINES and "uniform" in spec.baselines:
        candidates = slot_candidates(spec.space, spec.scale).values()
        is_given = all(len({one.operation for one in of_slot}) == 1 for of_slot in candidates)
        return _most_uniform(spec) * sum(uniform_steps(spec, is_given).values())
    return spec.train.steps if stage == "train" else 0


def tuning_steps(spec: Spec) -> int:
    """How many steps it takes at most to judge what the search found beside uniform networks."""
    is_judged = only_architecture(spec) is None and all(native_options(spec.space, spec.scale).values())
    return spec.search.front_points * (1 + MOST_RIVALS) * spec.search.tuning_steps() if is_judged else 0


def uniform_steps(spec: Spec, has_found_operations: bool) -> dict[str, int]:
    """How many steps the stages take that train a uniform network like the found one.

    Args:
        spec: Of the run.
        has_found_operations: Whether it has the operations of the found one, and so the same network in float, which
            is trained already.
    """
    return {
        "float": _float_steps(spec) if spec.learns_from_float and not has_found_operations else 0,
        "train": spec.train.steps,
    }


def _float_steps(spec: Spec) -> int:
    return spec.train.float_steps or spec.train.steps


def _most_uniform(spec: Spec) -> int:
    choices, only = list(uniform_choices(spec.space, spec.scale).values()), only_architecture(spec)
    if only is not None:
        choices = [chosen for chosen in choices if chosen != only.best.candidates()]
    return min(len(choices), _MOST_UNIFORM)
