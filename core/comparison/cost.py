"""What runs are compared over: a cost that their result.json states, or one of the found networks that is counted."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from qnas.core.comparison.measured import MEASURED, in_words, latencies, measured_setting
from qnas.core.comparison.reading.finished_run import FinishedRun
from qnas.core.components import Cost
from qnas.core.deprecation import Deprecated
from qnas.core.errors import as_input_error
from qnas.core.registry import plugins
from qnas.core.run.costs import StatedCost, own_costs, stated_costs
from qnas.core.run.names import RENAMED

SIZE = "32x32"
"""The LR size that costs are stated for."""


class CostAxis(NamedTuple):
    """A cost.

    Attributes:
        cost: The cost.
        always: Whether every result.json states it, so that it need not be counted.
        reference: What the first spec that names it says of it, by which runs are counted whose own does not.
        setting: Where it was measured, if it is a measured latency: target, LR size, threads.
    """

    cost: StatedCost
    always: bool = False
    reference: Any = None
    setting: str = ""

    @property
    def name(self) -> str:
        """As a spec's ``costs`` or ``qnas list costs`` has it."""
        return self.cost.name

    @property
    def unit(self) -> str:
        """Of its values."""
        return self.cost.unit or self.cost.title

    @property
    def heading(self) -> str:
        """What stands above its values, which have their units themselves."""
        return f"{self.cost.title} {self.size}".strip()

    @property
    def at(self) -> str:
        """The size of the image that it is stated for, ``""`` if it does not depend on it."""
        return SIZE if self.cost.per_image else ""

    @property
    def size(self) -> str:
        """The same in words."""
        if self.setting:
            return f"in {in_words(self.setting)}"
        return f"at {self.at.replace('x', ' x ')} LR" if self.at else ""

    def stated(self, run: FinishedRun) -> float | None:
        """What its result.json says, None if it does not say it."""
        return run.figure(self.name, *filter(None, [self.at]))

    def measure(self, run: FinishedRun) -> float | None:
        """Its value for a run, None if the run does not have it."""
        if self.setting:
            return latencies(run).get(self.setting)
        stated = self.stated(run)
        return counted(run, self.name, self.reference) if stated is None and not self.always else stated


def cost_axes(runs: Sequence[FinishedRun]) -> list[CostAxis]:
    """What these runs state, in the order of the costs."""
    always = {cost.name for cost in stated_costs()}
    of_specs = own_costs(run.spec for run in runs)
    costs = stated_costs(*(run.spec for run in runs))
    return [CostAxis(cost, cost.name in always, of_specs.get(cost.name)) for cost in costs]


def cost_axis(name: str | None, runs: Sequence[FinishedRun]) -> CostAxis:
    """The cost of that name, or measured latency; by default the first cost.

    Raises:
        InputError: There is none.
    """
    if name in RENAMED:
        Deprecated("0.2", f"'{RENAMED[name]}'").warn(f"the cost '{name}'")
        name = RENAMED[name]
    if name is not None and name.partition(":")[0] == MEASURED:
        cost = StatedCost(MEASURED, "measured latency", unit="ns", per_image=False)
        return CostAxis(cost, setting=measured_setting(name, runs))
    axes = {axis.name: axis for axis in cost_axes(runs)}
    if name is None:
        return next(iter(axes.values()))
    return axes.get(name) or CostAxis(StatedCost.of(name, plugins().registries["cost"].load(name)))


def counted(run: FinishedRun, cost: str, reference: Any = None) -> float:
    """A cost of the network that a run found, at an LR image of ``SIZE``.

    Args:
        run: The run.
        cost: The cost's name.
        reference: What it is if the run's spec does not say it; by default, what is registered by that name.

    Raises:
        InputError: Its network can't be built again.
    """
    from qnas.core.network import LR_SIZE, count_choices

    with run.run.as_it_was(), as_input_error(f"{run.folder}: its {cost} can't be counted"):
        architecture = run.run.architecture
        space, chosen = architecture.space.restored(), architecture.candidates()
        found = count_choices(space, architecture.scale, chosen, run.run.quantizer, LR_SIZE)
        return found.total(Cost.of(own_costs([run.spec]).get(cost) or reference or cost))
