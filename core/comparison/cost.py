"""What runs are compared over: a figure of result.json, or any registered cost of the found networks."""

from collections.abc import Callable
from typing import NamedTuple

from qnas.core.comparison.finished_run import FinishedRun
from qnas.core.errors import as_input_error
from qnas.core.registry import plugins

SIZE = "32x32"
"""The LR size that costs are stated for."""

Measure = Callable[[FinishedRun], float | None]


class CostAxis(NamedTuple):
    """A cost.

    Attributes:
        name: As ``qnas list costs`` has it, or ``size_bytes``.
        unit: Of its values.
        measure: Its value for a run, None if the run does not have it.
        at: Whether it depends on the size of the image, and then on which.
    """

    name: str
    unit: str
    measure: Measure
    at: str = ""

    @property
    def size(self) -> str:
        """The size of the image in words, ``""`` if it does not matter."""
        return f"at {self.at.replace('x', ' x ')} LR" if self.at else ""


_STATED = {
    "bitops": CostAxis("bitops", "BitOps", lambda run: run.figure("bitops", SIZE), SIZE),
    "macs": CostAxis("macs", "MACs", lambda run: run.figure("macs", SIZE), SIZE),
    "params": CostAxis("params", "parameters", lambda run: run.figure("params")),
    "size_bytes": CostAxis("size_bytes", "B", lambda run: run.figure("size_bytes")),
}
"""What every result.json states."""


def cost_axis(name: str) -> CostAxis:
    """The cost of that name.

    Raises:
        InputError: There is none.
    """
    if name in _STATED:
        return _STATED[name]
    plugins().registries["cost"].load(name)
    return CostAxis(name, name, lambda run: counted(run, name), SIZE)


def counted(run: FinishedRun, cost: str) -> float:
    """A registered cost of the network that a run found, at an LR image of ``SIZE``.

    Raises:
        InputError: Its network can't be built again.
    """
    from qnas.core.components import Quantizer
    from qnas.core.files.folder import RunFolder
    from qnas.core.files.home import at_home
    from qnas.core.network import LR_SIZE, Architecture, count_found
    from qnas.core.run.sizes import total
    from qnas.core.settings import as_of
    from qnas.core.spec.kept import known_version

    file = "architecture.json"
    of_then = as_of(known_version(run.spec))
    with at_home(run.folder), of_then, as_input_error(f"{run.folder}: its {cost} can't be counted"):
        architecture = Architecture.from_json(RunFolder(run.folder).read_text(file), str(run.folder / file))
        quantizer = Quantizer.of(run.spec["quantizer"]["train"])
        found = count_found(
            architecture.space.restored(), architecture.scale, architecture.candidates(), quantizer, LR_SIZE
        )
        return total(cost, found)
