"""What integers between the slots cost: networks trained with floats there, and the same with integers.

These are trained with integers from the start; or first with floats and then tuned by qnas derive, in as many steps; or
tuned after all of the steps, which makes a quarter more.
"""

import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click
import yaml
from over_seeds import change
from rounds import out_option, write_json

from qnas.core.cli.main import invoke
from qnas.core.errors import QnasError
from qnas.core.files.folder import RunFolder
from qnas.core.run.record import RunRecord

NETWORKS = ("espcn", "rfdn", "rlfn")
BITS = 8
SPEC = {
    "scale": 2,
    "data": {"train": {"name": "dead-leaves", "amount": 64, "size": 96}, "test": {"photos": "photos"}, "patch": 24},
    "train": {"batch": 8, "learning_rate": 0.001, "validations": 5},
}
_WAYS = ("floats between", "8 bits between", "8 bits, tuned in the last quarter", "8 bits, tuned afterwards")
NARROW = {"rfdn": {"channels": 16}, "rlfn": {"channels": 16}}
TUNING = 0.25
"""The share of the steps that is the tuning."""


def trained(name: str, seed: int, steps: int, between: int | None, folder: Path) -> Path:
    """The run of a known network with its own operations at 8 bits."""
    space = {"name": name, "operations": ["native"], "bits": [BITS], **NARROW.get(name, {})}
    train = {**SPEC["train"], "steps": steps}
    spec = {**SPEC, "name": name, "seed": seed, "space": space, "train": train, "quantizer": {"between": between}}
    file = folder / f"{name}-{seed}-{between}-{steps}.yaml"
    file.write_text(yaml.safe_dump(spec))
    run = file.with_suffix("")
    if invoke(["run", str(file), "--out", str(run)]):
        raise QnasError(f"{name} failed")
    return run


def tuned(run: Path, steps: int) -> Path:
    """The run that tunes the network of another with integers between its slots."""
    out = run.with_name(f"{run.name}-tuned")
    if invoke(["derive", str(run), "--between", str(BITS), "--steps", str(steps), "--out", str(out)]):
        raise QnasError(f"{run.name} can't be tuned")
    return out


def psnr(run: Path) -> float:
    """On photographs, on Y in dB."""
    figure: float = RunRecord(RunFolder(run)).result["test"]["photos"]["psnr_y"]
    return figure


def measured(name: str, seed: int, steps: int, folder: Path) -> list[float]:
    """The PSNR of each way."""
    tuning = round(TUNING * steps)
    in_float, with_integers = (trained(name, seed, steps, between, folder) for between in (None, BITS))
    shorter = trained(name, seed, steps - tuning, None, folder)
    return [psnr(run) for run in (in_float, with_integers, tuned(shorter, tuning), tuned(in_float, tuning))]


def row_of(name: str, figures: Sequence[Sequence[float]]) -> str:
    """A row of the table: means, with the change against floats by seed."""
    floats, *others = (list(way) for way in zip(*figures, strict=True))
    cells = [f"{statistics.mean(floats):.2f} dB", *(change(floats, way) for way in others)]
    return f"| {name} | {' | '.join(cells)} |"


@click.command(help=__doc__.splitlines()[0])
@click.option("--network", "names", multiple=True, default=NETWORKS, show_default=True)
@click.option("--seeds", default=3, show_default=True, help="How many.")
@click.option("--steps", default=800, show_default=True, help="Of a training; a quarter of them is a tuning.")
@out_option
def main(names: Sequence[str], seeds: int, steps: int, out: Path | None) -> None:
    """Train, and print what changed, as a table in Markdown."""
    rows, kept = [f"| network | {' | '.join(_WAYS)} |", f"| --- |{' --- |' * len(_WAYS)}"], []
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            figures = [measured(name, seed, steps, Path(folder)) for seed in range(seeds)]
            rows.append(row_of(name, figures))
            kept.append({"network": name, "psnr_y": figures})
            write_json(out, {"steps": steps, "ways": _WAYS, "measured": kept}, [])
    click.echo("\n".join(rows))


if __name__ == "__main__":
    main()
