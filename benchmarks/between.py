"""What integers between the slots cost: networks trained with floats there, beside the same trained with integers."""

import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click
import yaml
from rounds import out_option, write_json

from qnas.core.cli.main import invoke
from qnas.core.errors import QnasError
from qnas.core.files.folder import RunFolder
from qnas.core.run.record import RunRecord

NETWORKS = ("espcn", "fsrcnn", "rlfn")
BITS = 8
SPEC = {
    "scale": 2,
    "data": {"train": {"name": "dead-leaves", "amount": 64, "size": 96}, "test": {"photos": "photos"}, "patch": 24},
    "train": {"batch": 8, "learning_rate": 0.001, "validations": 5},
}
_HEAD = ("| network | floats between | 8 bits between | change | by seed |", "| --- | --- | --- | --- | --- |")
NARROW = {"rlfn": {"channels": 16}}


def trained(name: str, seed: int, steps: int, between: int | None, folder: Path) -> float:
    """The PSNR of a known network with its own operations at 8 bits, on photographs, on Y in dB."""
    space = {"name": name, "operations": ["native"], "bits": [BITS], **NARROW.get(name, {})}
    train = {**SPEC["train"], "steps": steps}
    spec = {**SPEC, "name": name, "seed": seed, "space": space, "train": train, "quantizer": {"between": between}}
    file = folder / f"{name}-{seed}-{between}.yaml"
    file.write_text(yaml.safe_dump(spec))
    run = file.with_suffix("")
    if invoke(["run", str(file), "--out", str(run)]):
        raise QnasError(f"{name} failed")
    figure: float = RunRecord(RunFolder(run)).result["test"]["photos"]["psnr_y"]
    return figure


@click.command(help=__doc__.splitlines()[0])
@click.option("--network", "names", multiple=True, default=NETWORKS, show_default=True)
@click.option("--seeds", default=3, show_default=True, help="How many.")
@click.option("--steps", default=600, show_default=True, help="Of each training.")
@out_option
def main(names: Sequence[str], seeds: int, steps: int, out: Path | None) -> None:
    """Train, and print what changed, as a table in Markdown."""
    rows, measured = list(_HEAD), []
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            pairs = [
                [trained(name, seed, steps, between, Path(folder)) for between in (None, BITS)] for seed in range(seeds)
            ]
            changes = [after - before for before, after in pairs]
            before, after = (statistics.mean(figures) for figures in zip(*pairs, strict=True))
            each = ", ".join(f"{change:+.2f}" for change in changes)
            rows.append(f"| {name} | {before:.2f} dB | {after:.2f} dB | {after - before:+.2f} dB | {each} |")
            measured.append({"network": name, "psnr_y": pairs})
            write_json(out, {"steps": steps, "measured": measured}, [])
    click.echo("\n".join(rows))


if __name__ == "__main__":
    main()
