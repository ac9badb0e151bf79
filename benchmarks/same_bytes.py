"""Checks whether two versions of qnas make byte-identical networks from the same specs.

    python benchmarks/same_bytes.py --out before.json       # in a checkout of one commit
    python benchmarks/same_bytes.py --against before.json   # in a checkout of the other, on the same machine

It runs four specs, the quickstart as it is and three others with fewer steps, and computes the SHA-256 of their
architecture.json and model.safetensors. The last bits depend on the processor and on torch, so run both commits on the
same machine, in the same environment, with the same number of threads.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import click

SPECS = Path(__file__).resolve().parents[1] / "specs"
FILES = ("architecture.json", "model.safetensors")
FEW_STEPS = ("search.steps=30", "search.epochs=3", "train.steps=40", "data.train.amount=24")
RUNS: Mapping[str, tuple[str, ...]] = {
    "quickstart.yaml": (),
    "composed/imdn-bits.yaml": FEW_STEPS,
    "fixed/mixed-precision.yaml": (*FEW_STEPS, "space.channels=16", "search.batch=2", "train.batch=4"),
    "spaces/quantnas-rfdn.yaml": (*FEW_STEPS, "train.init=scratch"),
}
"""Spec to the settings that are changed in it."""


def digests(spec: str, sets: tuple[str, ...], folder: Path) -> dict[str, str]:
    """SHA-256 of the files of a run in ``folder``."""
    out = folder / Path(spec).stem
    changes = [argument for change in sets for argument in ("--set", change)]
    line = [sys.executable, "-P", "-m", "qnas", "run", str(SPECS / spec), "--out", str(out), *changes]
    subprocess.run([*line, "--until", "train"], check=True)
    return {name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in FILES}


@click.command()
@click.option("--out", type=click.Path(path_type=Path), help="Where to write the digests as JSON.")
@click.option("--against", type=click.Path(path_type=Path, exists=True), help="Digests to compare with.")
@click.option("--only", multiple=True, type=click.Choice(list(RUNS)), help="Run only these specs.")
def main(out: Path | None, against: Path | None, only: tuple[str, ...]) -> None:
    """Run the specs, print the digests, and fail if they differ from the given ones."""
    with tempfile.TemporaryDirectory() as folder:
        made = {spec: digests(spec, RUNS[spec], Path(folder)) for spec in only or RUNS}
    print(json.dumps(made, indent=2))
    if out is not None:
        out.write_text(json.dumps(made, indent=2) + "\n")
    if against is not None:
        before = json.loads(against.read_text())
        differing = [f"{spec}: {name}" for spec in made for name in FILES if made[spec][name] != before[spec][name]]
        print("differ: " + ", ".join(differing) if differing else "all are byte-identical")
        sys.exit(bool(differing))


if __name__ == "__main__":
    main()
