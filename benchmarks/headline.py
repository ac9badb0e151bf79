r"""The headline, judged: finished runs on test sets that they did not see, and a table in Markdown.

    python benchmarks/headline.py 'x4-4g, longer=runs/x4-4g-longer' 'uniform 4 bits=runs/uniform' \
        --test Set5=data/Set5/HR --test Set14=data/Set14/HR --out headline.json

Judge only when all training has ended.
"""

import datetime
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from ship import judged_on

from qnas.core.files.atomic import write_atomically
from qnas.core.files.folder import RunFolder
from qnas.core.run.record import RunRecord


def row(path: Path, tests: Sequence[str]) -> dict[str, Any]:
    """What a network costs, how it was trained and how good it is."""
    run = RunRecord(RunFolder(path))
    scores = {name: {key: of[key] for key in ("psnr_y", "ssim_y")} for name, of in judged_on(path, tests).items()}
    return {
        "bitops": run.result["bitops"]["32x32"],
        "test": scores,
        "steps": run.spec.train.steps,
        "seconds": run.result["seconds"]["train"],
        "processor": run.environment["device_name"],
    }


def table(networks: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The rows in Markdown."""
    sets = next(iter(networks.values()))["test"]
    yield f"| PSNR Y, SSIM Y | GBitOps | {' | '.join(sets)} |"
    yield f"| --- | --- |{' --- |' * len(sets)}"
    for name, of in networks.items():
        cells = " | ".join(f"{one['psnr_y']:.2f} dB, {one['ssim_y']:.4f}" for one in of["test"].values())
        yield f"| {name} | {of['bitops'] / 1e9:.2f} | {cells} |"


@click.command(help=__doc__.splitlines()[0])
@click.argument("runs", nargs=-1, required=True, metavar="NAME=RUN...")
@click.option("--test", "tests", multiple=True, required=True, help="A test set, as NAME=FOLDER; may be repeated.")
@click.option("--out", type=click.Path(path_type=Path), help="Also write the figures to this file, as JSON.")
def main(runs: Sequence[str], tests: Sequence[str], out: Path | None) -> None:
    """Judge, print and write."""
    folders = {name: Path(folder) for name, _, folder in (run.rpartition("=") for run in runs)}
    networks = {name: row(path, tests) for name, path in folders.items()}
    judged = {"judged": str(datetime.datetime.now(datetime.UTC).date()), "networks": networks}
    if out is not None:
        write_atomically(out, (json.dumps(judged, indent=2) + "\n").encode())
    click.echo("\n".join(table(networks)))


if __name__ == "__main__":
    main()
