"""How fast exported networks are: at 8 bits and at mixed widths, beside the faster runtime's float network."""

import itertools
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from rounds import out_option, write_json
from torch import nn
from torch.export import ExportedProgram

from qnas.core.components import Operation, Quantizer, Space, Target
from qnas.core.deploy.lowering import capture, lower
from qnas.core.deploy.timing import Timing, time_in_turn
from qnas.core.network import Candidate, build_found, build_original, slot_candidates
from qnas.core.network.calibration import calibrate_for_training
from qnas.core.processor import processor_name
from qnas.core.settings import Widths

NETWORKS = (
    *("abpn", "basic", "rfdn", "quantnas-rfdn", "espcn", "fsrcnn", "quicksrnet", "xlsr", "ecbsr", "compact", "rlfn"),
    *("span", "imdn", "edsr-baseline", "srresnet"),
)
SCALE = 4
WIDTHS = {"8 bits": (8,), "2/4/8 bits": (2, 4, 8)}
BETWEEN = {"openvino": None, "onnxruntime": 8}
FLOAT = "float"
FOR_INTEGERS = ("avx_vnni", "avx512_vnni", "amx_int8")


def space_of(name: str) -> Space:
    """The known network, with its own operations only."""
    operations = {"operations": ["native"]}
    return Space.of({"name": name, **operations})


@torch.no_grad()
def set_slopes_apart(network: nn.Module) -> None:
    """Let the slopes of PReLU differ, and some be negative, as they do after training: equal ones are faster."""
    for module in network.modules():
        if isinstance(module, nn.PReLU):
            module.weight += torch.rand_like(module.weight) / 2 - 0.3


def quantized(name: str, widths: Sequence[int], between: int | None) -> nn.Module:
    """The network at these widths in turn, calibrated, with the weights that it was made with."""
    torch.manual_seed(0)
    space, turns = space_of(name), itertools.cycle(widths)
    native = Operation.of("native")
    choices = {path: Candidate(native, Widths(bits := next(turns), bits)) for path in slot_candidates(space, SCALE)}
    network = build_found(space, SCALE, choices, Quantizer.of("lsq"), between)
    set_slopes_apart(network)
    calibrate_for_training(network, lambda: network(torch.rand(1, 3, 32, 32)))
    return network.eval()


def in_float_of(name: str) -> nn.Module:
    """The network in float."""
    network = build_original(space_of(name), SCALE).eval()
    set_slopes_apart(network)
    return network


def programs(name: str, side: int) -> Iterator[tuple[str, str, ExportedProgram]]:
    """What to time: the runtime, what it is, and the network."""
    in_float = capture(in_float_of(name), (side, side))
    for target, between in BETWEEN.items():
        yield target, FLOAT, in_float
        for label, widths in WIDTHS.items():
            yield target, label, lower(quantized(name, widths, between), (side, side)).program


def time_network(name: str, side: int, threads: int, rounds: int) -> dict[str, Timing]:
    """The time of each, by runtime and what it is."""
    image = np.random.default_rng(0).random((1, 3, side, side), dtype=np.float32)
    calls = {}
    with tempfile.TemporaryDirectory() as folder:
        for target, label, program in programs(name, side):
            path = Path(folder) / f"{target}-{label.replace('/', '-')}.onnx"
            Target.of(target).write(program, path)
            run = Target.of(target).load(path, threads)
            calls[f"{target} {label}"] = lambda run=run: run(image)
        return time_in_turn(calls, rounds)


def speedups(timings: Mapping[str, Timing]) -> dict[str, float]:
    """How many times as fast as the faster of the float networks each is."""
    fastest = min(timing.median for name, timing in timings.items() if name.endswith(FLOAT))
    return {name: fastest / timing.median for name, timing in timings.items()}


def processor() -> str:
    """Its name, and what it has for integers; only Linux says so."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    flags = next(line for line in lines if line.startswith("flags")).split()
    return " ".join([processor_name(), *(flag for flag in FOR_INTEGERS if flag in flags)])


def markdown(measured: Sequence[Mapping[str, Any]]) -> str:
    """A table of the ratios, with a line for each network and number of threads."""
    columns = [f"{target} {label}" for target in BETWEEN for label in (FLOAT, *WIDTHS)]
    lines = [["network", "threads", "fastest float", *columns], ["---"] * (3 + len(columns))]
    for row in sorted(measured, key=lambda row: (NETWORKS.index(row["network"]), row["threads"])):
        figures = row["figures"]
        fastest = min(figures[f"{target} {FLOAT}"]["median"] for target in BETWEEN)
        ratios = [f"{figures[column]['speedup']:.2f} x" for column in columns]
        lines.append([row["network"], str(row["threads"]), f"{fastest * 1e3:.0f} ms", *ratios])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


@click.command(help=__doc__.splitlines()[0])
@click.option("--network", "names", multiple=True, type=click.Choice(NETWORKS), help="Only this one; may be repeated.")
@click.option("--side", default=256, show_default=True, help="Height and width of the LR image.")
@click.option("--threads", "threads", multiple=True, type=int, default=(1, 2), show_default=True)
@click.option("--rounds", default=15, show_default=True, help="At most so many.")
@out_option
def main(names: Sequence[str], side: int, threads: Sequence[int], rounds: int, out: Path | None) -> None:
    """Time the networks, and print the ratios as a table in Markdown; rows of others that are in the file stay."""
    measured = json.loads(out.read_text())["measured"] if out is not None and out.exists() else []
    for name, count in itertools.product(names or NETWORKS, threads):
        row = _as_json(name, count, time_network(name, side, count, rounds))
        measured = [*(other for other in measured if (other["network"], other["threads"]) != (name, count)), row]
        write_json(out, {"processor": processor(), "side": side, "measured": measured}, [])
    click.echo(markdown(measured))


def _as_json(name: str, threads: int, timings: Mapping[str, Timing]) -> dict[str, Any]:
    times = speedups(timings)
    figures = {label: {**timing._asdict(), "speedup": times[label]} for label, timing in timings.items()}
    return {"network": name, "threads": threads, "figures": figures}


if __name__ == "__main__":
    main()
