"""The files that a spec names: a run keeps copies of what it needs of them, and takes them from there."""

from pathlib import Path

from qnas.core.components import Cost, Regularizer
from qnas.core.errors import inside_field
from qnas.core.network import guard
from qnas.core.registry import keep_plugin_files
from qnas.core.settings.settings import FrozenDict
from qnas.core.spec import Spec


def keep_files(spec: Spec, folder: Path) -> None:
    """Copy what a run needs of them into its folder."""
    with inside_field("plugins"):
        keep_plugin_files(spec.plugins, folder)
    with guard(spec.space):
        spec.space.keep(folder, spec.scale)
    for key, cost in spec.costs.items():
        with inside_field("costs", key):
            cost.keep(folder)


def with_kept_files(spec: Spec, folder: Path) -> Spec:
    """The spec, whose space and costs take their files from a run's folder."""
    costs = {key: cost.kept_in(folder) for key, cost in spec.costs.items()}
    kept = {id(cost): costs[key] for key, cost in spec.costs.items()}
    regularizers = {key: _with_cost(one, kept) for key, one in spec.regularizers.items()}
    changed = {"costs": FrozenDict(costs), "regularizers": FrozenDict(regularizers)}
    return spec.model_copy(update={"space": spec.space.kept_in(folder), **changed})


def _with_cost(regularizer: Regularizer, kept: dict[int, Cost]) -> Regularizer:
    """A regularizer with the kept form of the cost that it refers to."""
    cost = kept.get(id(getattr(regularizer, "cost", None)))
    return regularizer if cost is None else regularizer.model_copy(update={"cost": cost})
