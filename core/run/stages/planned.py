"""What is known of a run's stages from its spec: which there are, and how many steps they take."""

from qnas.core.run.names import STAGES
from qnas.core.run.stages.searching import only_architecture
from qnas.core.spec import Spec


def stages_of(spec: Spec) -> list[str]:
    """The stages that a run of a spec has."""
    is_left_out = {"float": not spec.needs_float, "export": not spec.exported_to}
    return [stage for stage in STAGES if not is_left_out.get(stage)]


def planned_steps(spec: Spec, stage: str) -> int:
    """How many steps a stage will report, 0 for those that report none."""
    if stage == "search" and only_architecture(spec) is None:
        return spec.search.planned_steps()
    if stage == "float" and spec.needs_float:
        return spec.train.float_steps or spec.train.steps
    return spec.train.steps if stage == "train" else 0
