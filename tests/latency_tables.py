"""Tables of latencies that nobody measured: prices of the tests' own."""

from pathlib import Path
from typing import Any

from qnas.core.components import Quantizer, Space, Target
from qnas.core.deploy.profiling.setting import Setting
from qnas.core.deploy.profiling.table import Fit, LatencyTable, frame_of, name_of
from qnas.core.network import count_space
from qnas.core.processor import processor_name

CONSTANT = 2_000_000


def price(name: str) -> int:
    """Nanoseconds of a candidate."""
    return 1000 * (sum(map(ord, name)) % 911)


def write_latencies(
    path: Path, space: dict[str, Any], *, scale: int = 2, target: str = "openvino", without: str = "", **changed: Any
) -> LatencyTable:
    """Write the table of a space.

    Args:
        path: The file.
        space: The space.
        scale: The scale.
        target: The runtime.
        without: Candidates with this in their names are left out.
        changed: Fields of the setting that are others than on this machine.
    """
    made, asked = Space.of(space), Target.of(target)
    count = count_space(made, scale, Quantizer.of("lsq"))
    names = {name_of(part) for options in count.slots.values() for part in options}
    fit = Fit(CONSTANT, {name: price(name) for name in names if not without or without not in name}, 0.02)
    here = {
        "processor": processor_name(),
        "target": asked.reference(),
        "settings": dict(asked.settings()),
        "versions": {},
        "threads": 2,
        "size": (256, 256),
        "scale": scale,
        "between": asked.fills,
    }
    setting = Setting(**{**here, **changed})
    table = LatencyTable(setting, frame_of(count.rest, count.slots), made.label, [], 1, fit)
    table.write(path)
    return table
