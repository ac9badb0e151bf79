"""What a search is worth on networks of others: found ones beside uniform ones at the cost of uniform 4 bits, at x4.

    python benchmarks/own_networks.py --photos ~/photos --out own     # their float weights first
    python benchmarks/own_search.py --own own --test Set14=~/photos/Set14 --out own_search.json

All start from the same float weights and are trained for the same steps on the same photographs, with the same limit on
BitOps. They are judged on the test sets, and on the third of the photographs that no training has seen.

Rows that are already in the file are not computed again, so you can stop the program and start it again.
"""

import contextlib
import json
import statistics
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import click
import torch
import yaml
from own_networks import SCALE, space_of, weights_of
from rounds import out_option, write_json

from qnas.core.cli.main import invoke
from qnas.core.components import Quantizer, Space, costs_with
from qnas.core.errors import QnasError
from qnas.core.files.folder import RunFolder
from qnas.core.network import slot_candidates
from qnas.core.run.record import RunRecord
from qnas.core.search.limits.allowed import AllowedNetworks

NETWORKS = ("compact-16", "rcan", "rrdb")
BITS = (2, 3, 4, 5, 6, 8)
UNIFORM = 4
STEPS, BATCH, PATCH, LEARNING_RATE = 600, 16, 24, 5e-4
SEARCH = {
    "steps": 1000,
    "epochs": 10,
    "warmup": 2,
    "batch": 8,
    "learning_rate": 2e-4,
    "alpha_learning_rate": 0.05,
    "step_learning_rate": 1e-3,
}
SEARCHES: Mapping[str, Mapping[str, Any]] = {
    "random": {"name": "random", "samples": 10, "steps": 100, "learning_rate": LEARNING_RATE},
    "sensitivity": {"name": "sensitivity"},
    "search": SEARCH,
    "search from sensitivity": {**SEARCH, "start": "sensitivity"},
}
HELD_OUT = "held-out"

Spec = dict[str, Any]


def searched_space(name: str, own: Path) -> Spec:
    """The space of a network with its float weights, searched over the widths of weights and activations apart."""
    weights = str(weights_of(name, own).resolve())
    return space_of(name, weights=weights, bits={"weights": list(BITS), "activations": list(BITS)})


def limit_of(space: Spec) -> int:
    """The BitOps of the uniform network, for an LR image of 32 x 32."""
    return allowed(uniform(space), 10**15).cheapest("bitops", ())


def allowed(space: Spec, bitops: int) -> AllowedNetworks:
    """The networks of a space that keep to the limit."""
    return AllowedNetworks.of(Space.of(space), SCALE, Quantizer.of("lsq"), costs_with({}), {"bitops": bitops})


def with_ends_at_8(space: Spec) -> Spec:
    """The space of one network: its first and last convolution at 8 bits, the others with the most bits that fit."""
    paths = list(slot_candidates(Space.of(space), SCALE))
    ends = [{"match": path, "bits": [8]} for path in (paths[0], paths[-1])]
    narrower = {**space, "bits": [bits for bits in BITS if bits <= UNIFORM], "slots": ends}
    options = slot_candidates(Space.of(narrower), SCALE).values()
    widths = torch.zeros(len(options), max(map(len, options)))
    for row, of_slot in zip(widths, options, strict=True):
        row[: len(of_slot)] = torch.tensor([one.widths.weight for one in of_slot])
    chosen = allowed(narrower, limit_of(space)).best(widths.log2())
    return {**space, "slots": [{"match": path, "bits": [one.widths.weight]} for path, one in chosen.items()]}


def uniform(space: Spec) -> Spec:
    """The space of the uniform network alone."""
    return {**space, "bits": [UNIFORM]}


def alike(space: Spec) -> Spec:
    """The space in which a slot's weights and activations have the same width."""
    return {**space, "bits": list(BITS)}


FIXED = {"uniform 4": uniform, "uniform 4, first and last 8": with_ends_at_8}
ALIKE = {"sensitivity, widths alike": alike}
"""Searches by sensitivity, in a smaller space."""
WAYS = (*FIXED, *SEARCHES, *ALIKE)


def spec_of(way: str, name: str, seed: int, own: Path, tests: Mapping[str, Path]) -> Spec:
    """The spec of a run."""
    space = searched_space(name, own)
    sets = {label: _folder(path) for label, path in {**tests, HELD_OUT: own / "test"}.items()}
    return {
        "name": "own",
        "seed": seed,
        "scale": SCALE,
        "space": {**FIXED, **ALIKE}[way](space) if way not in SEARCHES else space,
        "data": {"train": _folder(own / "train"), "test": sets, "patch": PATCH},
        "search": SEARCHES.get(way, "sensitivity"),
        "limits": {"bitops": limit_of(space)},
        "train": {"steps": STEPS, "batch": BATCH, "learning_rate": LEARNING_RATE, "start": "weights"},
    }


def _folder(path: Path) -> Spec:
    return {"name": "folder", "path": str(path)}


def run(spec: Spec) -> dict[str, Any]:
    """What came out."""
    with tempfile.TemporaryDirectory() as folder:
        file, out = Path(folder) / "spec.yaml", Path(folder) / "run"
        file.write_text(yaml.safe_dump(spec))
        if invoke(["run", str(file), "--out", str(out)]):
            raise QnasError(f"the run of {spec['space']} failed")
        result = RunRecord(RunFolder(out)).result
    psnr = {name: scores["psnr_y"] for name, scores in result["test"].items()}
    told = {key: result[key] for key in ("judged", "kept") if key in result}
    return {"psnr_y": psnr, "bitops": result["bitops"]["32x32"], "seconds": result["seconds"], **told}


def table(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The rows as Markdown: the mean PSNR over seeds, and by how much each differs from the uniform network's."""
    sets = sorted({name for row in rows for name in row["psnr_y"]}, reverse=True)
    yield f"| network | way | BitOps | {' | '.join(sets)} | search | training |"
    yield f"| --- | --- | --- |{' --- |' * (len(sets) + 2)}"
    for name, way in product(NETWORKS, WAYS):
        ours = _of(rows, name, way)
        if ours:
            cells = [_against(ours, _of(rows, name, WAYS[0]), test) for test in sets]
            bitops = statistics.mean(row["bitops"] for row in ours.values())
            cells += [f"{_mean_seconds(ours.values(), stage):.0f} s" for stage in ("search", "train")]
            yield f"| {name} | {way} | {bitops / 1e9:.3f} G | {' | '.join(cells)} |"


def _of(rows: Sequence[Mapping[str, Any]], name: str, way: str) -> dict[int, Mapping[str, Any]]:
    return {row["seed"]: row for row in rows if (row["network"], row["way"]) == (name, way)}


def _mean_seconds(rows: Iterable[Mapping[str, Any]], stage: str) -> float:
    return statistics.mean(row["seconds"].get(stage, 0.0) for row in rows)


def _against(ours: Mapping[int, Mapping[str, Any]], uniform: Mapping[int, Mapping[str, Any]], test: str) -> str:
    mean = statistics.mean(row["psnr_y"][test] for row in ours.values())
    changes = [row["psnr_y"][test] - uniform[seed]["psnr_y"][test] for seed, row in ours.items() if seed in uniform]
    if not any(changes):
        return f"{mean:.2f} dB"
    return f"{mean:.2f} dB, {statistics.mean(changes):+.2f} ({', '.join(f'{change:+.2f}' for change in changes)})"


@click.command(help=__doc__.splitlines()[0])
@click.option("--own", required=True, type=click.Path(path_type=Path, exists=True), help="From own_networks.py.")
@click.option("--test", "tests", multiple=True, help="Another test set, as NAME=FOLDER; may be repeated.")
@click.option("--network", "names", multiple=True, type=click.Choice(NETWORKS), default=NETWORKS)
@click.option("--way", "ways", multiple=True, type=click.Choice(WAYS), default=WAYS)
@click.option("--seeds", default=3, show_default=True, help="How many.")
@out_option
def main(
    own: Path, tests: Sequence[str], names: Sequence[str], ways: Sequence[str], seeds: int, out: Path | None
) -> None:
    """Search and train, and print what came out as a table in Markdown."""
    kept = json.loads(out.read_text())["measured"] if out is not None and out.exists() else []
    there = {(row["network"], row["way"], row["seed"]) for row in kept}
    folders = {name: Path(folder).resolve() for name, _, folder in (test.partition("=") for test in tests)}
    own, out = own.resolve(), out and out.resolve()
    with contextlib.chdir(Path(__file__).parent):  # where the networks are
        for seed, name, way in product(range(seeds), names, ways):
            if (name, way, seed) not in there:
                row = run(spec_of(way, name, seed, own, folders))
                kept.append({"network": name, "way": way, "seed": seed, **row})
                write_json(out, {"steps": STEPS, "search": SEARCH, "measured": kept}, [])
    click.echo("\n".join(table(kept)))


if __name__ == "__main__":
    main()
