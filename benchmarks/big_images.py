"""The memory that a large image takes in ``upscale`` and ``evaluate``, for each known space and with global pooling.

    python benchmarks/big_images.py --out big_images.json

Each network is built untrained, from the first candidate of every slot, and written as a run. Then a separate process
upscales an image of noise, or evaluates on one, and its peak resident memory is read (VmHWM, Linux).
"""

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import click
import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rounds import Target, out_option, write_json

from qnas.core.components import Space
from qnas.core.files.folder import RunFolder
from qnas.core.network import Architecture, slot_candidates
from qnas.core.network.calibration import calibrate
from qnas.core.spec import Spec, dump_spec

LIMIT = 3e9  # bytes
SIZE = (4000, 3000)  # width and height


class Network(NamedTuple):
    """A network, and what the large image is: the input of ``upscale``, or the LR or HR image of ``evaluate``."""

    fields: Mapping[str, Any]
    scale: int = 2
    image: Literal["", "LR", "HR"] = ""


NARROW = {
    "espcn": {"channels": 16},
    "fsrcnn": {"channels": 16},
    "srresnet": {"channels": 8, "body": [{"block": "residual", "repeat": 3}]},
    "edsr-baseline": {"channels": 8, "body": [{"block": "residual", "repeat": 4}]},
    "imdn": {"channels": 8, "body": [{"block": "imdb", "repeat": 2}]},
    "rfdn": {"channels": 8, "body": [{"block": "rfdb", "repeat": 2}]},
    "rlfn": {"channels": 8, "body": [{"block": "rlfb", "repeat": 2}]},
    "ecbsr": {"channels": 8},
    "abpn": {"channels": 8},
    "quantnas-rfdn": {"channels": 12},
    "basic": {"channels": 6, "cells": 2},
}
NETWORKS = {
    **{name: Network({"name": name, **fields}) for name, fields in NARROW.items()},
    "basic, adadm": Network({"name": "basic", **NARROW["basic"], "residual": "adadm"}),
    "espcn, x4": Network({"name": "espcn", **NARROW["espcn"]}, 4),
    "rlfn, x4": Network({"name": "rlfn", **NARROW["rlfn"]}, 4),
    "channel attention": Network({"name": "module", "target": "channel_attention:Net", "arguments": {"scale": 2}}),
    "abpn, full width": Network({"name": "abpn"}),
    "basic, evaluate, HR": Network({"name": "basic", **NARROW["basic"]}, image="HR"),
    "espcn, evaluate, LR": Network({"name": "espcn", **NARROW["espcn"]}, image="LR"),
}
CODE = """
import sys
sys.path[:0] = {folders!r}
from memory import resident
from qnas.core.cli.main import invoke, print_warnings
print_warnings()
code = invoke({arguments!r})
print("VmHWM", resident("VmHWM"))
sys.exit(code)
"""


def write_run(path: Path, network: Network) -> None:
    """Write the folder of a run that found the network, with meaningless weights."""
    torch.manual_seed(0)
    fields = {"bits": [8], **network.fields}
    spec = Spec.model_validate({"name": "run", "scale": network.scale, "space": fields})
    space = Space.of(fields)
    chosen = {slot: options[0] for slot, options in slot_candidates(space, network.scale).items()}
    architecture = Architecture.from_candidates(space, network.scale, chosen)
    built = architecture.build(spec.quantizer.train)
    calibrate(built.train(), lambda: built(torch.rand(2, 3, 32, 32)))
    folder = RunFolder(path)
    folder.write_text("spec.yaml", dump_spec(spec))
    folder.write_text("architecture.json", architecture.to_json())
    folder.write_tensors("model.safetensors", built.state_dict())


def measure(network: Network, size: tuple[int, int], folder: Path) -> dict[str, Any]:
    """Peak memory in bytes, seconds, and the number of passes over tiles that the command reported."""
    write_run(folder / "run", network)
    (folder / "images").mkdir()
    factor = network.scale if network.image == "LR" else 1  # LR images are made from HR ones
    shape = (size[1] * factor, size[0] * factor, 3)
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    Image.fromarray(image).save(folder / "images/image.png", compress_level=0)
    arguments = [*_command(network, folder), "--device", "cpu"]
    home = str(Path(__file__).parent)
    code = CODE.format(arguments=[*map(str, arguments)], folders=[home])
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, cwd=home)
    if done.returncode:
        raise click.ClickException(done.stderr)
    passes = re.search(r"in (\d+) passes", done.stderr)
    return {
        "bytes": int(done.stdout.split()[-1]),
        "passes": int(passes[1]) if passes else 1,
        "seconds": round(time.perf_counter() - began, 1),
    }


def _command(network: Network, folder: Path) -> list[str | Path]:
    if network.image:
        return ["evaluate", folder / "run", "--data", folder / "images"]
    return ["upscale", folder / "run", folder / "images", "-o", folder / "out"]


@click.command(help=__doc__.splitlines()[0])
@click.option("--network", "names", multiple=True, type=click.Choice([*NETWORKS]), help="Measure only this network.")
@click.option("--size", nargs=2, type=int, default=SIZE, show_default=True, help="Width and height of the image.")
@out_option
def main(names: tuple[str, ...], size: tuple[int, int], out: Path | None) -> None:
    """Measure each network."""
    console, measured, targets = Console(highlight=False), {}, []
    for name in names or NETWORKS:
        with tempfile.TemporaryDirectory() as folder:
            measured[name] = measure(NETWORKS[name], size, Path(folder))
        target = Target(f"{name} / 3 GB", measured[name]["bytes"] / LIMIT, 1.0)
        targets.append(target)
        console.print(f"{name:<20} {json.dumps(measured[name])} {target.verdict}", soft_wrap=True)
        if out is not None:
            write_json(out, {"size": list(size), "networks": measured}, targets)


if __name__ == "__main__":
    main()
