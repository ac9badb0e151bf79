"""Which operators ONNX Runtime spends its time on: with 8 bits, at mixed widths, and in float.

    python benchmarks/runtime_operators.py --out benchmarks/results/runtime_operators.json

The networks are those of deployment.py. Times are sums over an image's operators of one type, and medians over images.
"""

import json
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from deployment import FLOAT, NETWORKS, WIDTHS, processor, programs
from rounds import out_option, write_json
from torch.export import ExportedProgram

from qnas.core.components import Target

RUNTIME = "onnxruntime"
QUANTIZED = tuple(WIDTHS)
SHOWN = 4
"""How many operators of a network the table names."""
_KERNEL = "_kernel_time"

Times = Mapping[str, float]
"""The type of an operator to its time in an image, in seconds."""


def profiled(program: ExportedProgram, image: np.ndarray, threads: int, images: int) -> Times:
    """The time of each type of operator."""
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "network.onnx"
        Target.of(RUNTIME).write(program, file)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = threads, 3
        options.enable_profiling, options.profile_file_prefix = True, str(Path(folder) / "profile")
        session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        for _ in range(images + 1):
            session.run(None, {session.get_inputs()[0].name: image})
        events = json.loads(Path(session.end_profiling()).read_text())
    return summed(events, images)


def summed(events: Sequence[Mapping[str, Any]], images: int) -> Times:
    """The times in a profile of ONNX Runtime; its first image, which warms up, is left out."""
    nodes: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith(_KERNEL):
            nodes[event["name"]].append((event["args"]["op_name"], event["dur"] / 1e6))
    times: dict[str, float] = defaultdict(float)
    for calls in nodes.values():
        (operator,) = {operator for operator, _ in calls}
        times[operator] += statistics.median(seconds for _, seconds in calls[-images:])
    return dict(times)


def markdown(measured: Sequence[Mapping[str, Any]]) -> str:
    """A table with a line for each network, its widths and the number of threads."""
    lines = ["| network | threads | time | of which | convolutions, float / this |", "| --- | --- | --- | --- | --- |"]
    for row in sorted(measured, key=lambda row: (NETWORKS.index(row["network"]), row["threads"])):
        lines += _lines_of(row["network"], row["threads"], row["seconds"])
    return "".join(f"{line}\n" for line in lines)


def _lines_of(network: str, threads: int, by_label: Mapping[str, Times]) -> Iterator[str]:
    """The operators that take longest, each with its share of all the time."""
    for label in QUANTIZED:
        times = by_label[label]
        total = sum(times.values())
        longest = sorted(times, key=times.__getitem__, reverse=True)[:SHOWN]
        told = ", ".join(f"{operator} {times[operator] / total:.0%}" for operator in longest)
        convolutions = by_label[FLOAT].get("Conv", 0.0) / times.get("QLinearConv", float("inf"))
        yield f"| {network}, {label} | {threads} | {total * 1e3:.0f} ms | {told} | {convolutions:.2f} x |"


@click.command(help=__doc__.splitlines()[0])
@click.option("--network", "names", multiple=True, type=click.Choice(NETWORKS), help="Only this one; may be repeated.")
@click.option("--side", default=256, show_default=True, help="Height and width of the LR image.")
@click.option("--threads", "threads", multiple=True, type=int, default=(1, 2), show_default=True)
@click.option("--images", default=7, show_default=True, help="How many to run.")
@out_option
def main(names: Sequence[str], side: int, threads: Sequence[int], images: int, out: Path | None) -> None:
    """Profile the networks, and print which operators take longest as a table in Markdown; other rows stay."""
    image = np.random.default_rng(0).random((1, 3, side, side), dtype=np.float32)
    kept = json.loads(out.read_text())["measured"] if out is not None and out.exists() else []
    for name in names or NETWORKS:
        wanted = {label: program for target, label, program in programs(name, side) if target == RUNTIME}
        for count in threads:
            times = {label: profiled(program, image, count, images) for label, program in wanted.items()}
            others = [row for row in kept if (row["network"], row["threads"]) != (name, count)]
            kept = [*others, {"network": name, "threads": count, "seconds": times}]
            write_json(out, {"processor": processor(), "side": side, "measured": kept}, [])
    click.echo(markdown(kept))


if __name__ == "__main__":
    main()
