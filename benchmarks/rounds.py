"""Times several things in interleaved rounds, so that other load on the machine affects all of them equally."""

import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table

from qnas.core.processor import processor_name

Step = Callable[[], object]


@dataclass(frozen=True)
class Target:
    """A ratio that a benchmark measures, and the most it should be."""

    what: str
    ratio: float
    at_most: float | None = None

    @property
    def verdict(self) -> str:
        """Whether the target is met; empty if there is no limit."""
        if self.at_most is None:
            return ""
        return "met" if self.ratio <= self.at_most else "missed"


def interleaved(steps: Mapping[str, Step], rounds: int, warmup: int = 2) -> dict[str, list[float]]:
    """Seconds of each step in each round; every round runs all steps, starting with a different one."""
    for step in steps.values():
        for _ in range(warmup):
            step()
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    names = list(steps)
    for index in track(range(rounds), "rounds", console=Console(stderr=True)):
        for name in names[index % len(names) :] + names[: index % len(names)]:
            began = time.perf_counter()
            steps[name]()
            seconds[name].append(time.perf_counter() - began)
    return seconds


def ratio(seconds: Mapping[str, Sequence[float]], one: str, other: str) -> float:
    """The median over the rounds of the time of ``one`` divided by the time of ``other``."""
    return statistics.median(a / b for a, b in zip(seconds[one], seconds[other], strict=True))


def report(seconds: Mapping[str, Sequence[float]], targets: Sequence[Target], out: Path | None) -> None:
    """Print the figures, and write them as JSON if ``out`` is given."""
    console = Console(highlight=False, markup=False)
    table = Table("step", "median ms", "fastest ms", "spread", box=None, pad_edge=False, header_style="bold")
    for name, times in seconds.items():
        quarter, median, threequarters = statistics.quantiles(times, n=4)
        spread = f"{(threequarters - quarter) / median:.0%}"
        table.add_row(name, f"{1e3 * median:.1f}", f"{1e3 * min(times):.1f}", spread)
    console.print(table)
    console.print()
    table = Table("ratio", "measured", "at most", "", box=None, pad_edge=False, header_style="bold")
    for target in targets:
        limit = "" if target.at_most is None else f"{target.at_most:.2f}"
        table.add_row(target.what, f"{target.ratio:.3f}", limit, target.verdict)
    console.print(table)
    write_json(out, {"seconds": seconds}, targets)


def write_json(out: Path | None, measured: Mapping[str, object], targets: Sequence[Target]) -> None:
    """Write the measurements and the machine they were made on, if ``out`` is given."""
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        data = {**_machine(), **measured, "ratios": [asdict(target) for target in targets]}
        out.write_text(json.dumps(data, indent=1) + "\n")


def _machine() -> dict[str, object]:
    return {
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "processor": processor_name(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
    }


rounds_option = click.option("--rounds", default=15, show_default=True, help="How many times each step is timed.")
out_option = click.option("--out", type=click.Path(path_type=Path), help="Write the figures as JSON.")
threads_option = click.option("--threads", default=2, show_default=True, help="Threads of PyTorch.")
