r"""One search under a limit on BitOps, against three that tune the weight of the cost by bisection.

    python benchmarks/limit_or_weight.py --train data/General100 --train data/BSDS400 --test Set14=data/Set14 \
        --out benchmarks/results/limit_or_weight.json

The protocol is that of specs/experiments/protocol-cpu.yaml. Of the three networks that bisection finds, the dearest
that keeps to the limit is trained. Both ways train their network for the same steps.

Rows that are already in the file are not computed again, so you can stop the program and start it again.
"""

import json
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import click
from rounds import out_option, write_json

from qnas.core.cli.main import invoke
from qnas.core.errors import QnasError
from qnas.core.files.folder import RunFolder
from qnas.core.network import count_choices
from qnas.core.run.record import RunRecord

SPEC = Path(__file__).parents[1] / "specs/experiments/protocol-cpu.yaml"
LIMITS = ("500M", "800M", "1.3G")
TRIES = 3
WEIGHTS = (1e-5, 1e-2)
"""Where bisection begins: the weights between which the right one is."""
COMMON = ("regularizers.entropy.weight=0.01", "search.tuning=0")

Row = dict[str, Any]


@dataclass(frozen=True)
class Runs:
    """Where runs are made, and what they have in common.

    Attributes:
        folder: Of the runs.
        settings: What replaces fields of the spec, as after ``--set``.
    """

    folder: Path
    settings: Sequence[str]

    def do(self, name: str, *arguments: str, settings: Sequence[str]) -> RunRecord:
        """Begin a run, or go on with it."""
        out = self.folder / name
        sets = [part for setting in (*self.settings, *settings) for part in ("--set", setting)]
        resume = ["--resume"] if out.exists() else []
        if invoke(["run", str(SPEC), "--out", str(out), *sets, *resume, *arguments]):
            raise QnasError(f"{name} failed")
        return RunRecord(RunFolder(out))


def by_limit(runs: Runs, limit: int) -> Row:
    """What one search under the limit finds."""
    done = runs.do("limit", settings=[f"limits.bitops={limit}", "regularizers={entropy: {weight: 0.01}}"])
    return _row(done, done.result["seconds"]["search"])


def by_weight(runs: Runs, limit: int) -> Row:
    """What three searches find, whose weight of the cost is tuned by bisection."""
    low, high = WEIGHTS
    seconds, fitting = 0.0, {}
    for number in range(TRIES):
        settings = [f"regularizers.cost.weight={(low * high) ** 0.5:.3g}"]
        tried = runs.do(f"weight-{number}", "--until", "derive", settings=settings)
        seconds += tried.stages["search"]["seconds"]
        cost = bitops(tried)
        if cost <= limit:
            fitting[cost] = (f"weight-{number}", settings)
            high = (low * high) ** 0.5
        else:
            low = (low * high) ** 0.5
    if not fitting:
        return {"psnr_y": None, "bitops": None, "seconds": seconds}
    name, settings = fitting[max(fitting)]
    return _row(runs.do(name, settings=settings), seconds)


def bitops(run: RunRecord) -> int:
    """Those of the network that the run's search has found."""
    spec, found = run.spec, run.architecture
    count = count_choices(spec.space, spec.scale, found.candidates(), spec.quantizer.train)
    return round(count.total(spec.counted_costs["bitops"]))


def _row(done: RunRecord, seconds: float) -> Row:
    psnr = {name: scores["psnr_y"] for name, scores in done.result["test"].items()}
    return {"psnr_y": psnr, "bitops": done.result["bitops"]["32x32"], "seconds": seconds}


WAYS = {"limit": by_limit, "weight": by_weight}


def table(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The rows as Markdown: for each limit what both ways use of it, the difference of PSNR by seed, and of time."""
    yield "| limit | limit: BitOps | weight: BitOps | PSNR, limit - weight | time of searching, limit / weight |"
    yield "| --- | --- | --- | --- | --- |"
    for limit in dict.fromkeys(row["limit"] for row in rows):
        by_way = [{r["seed"]: r for r in rows if (r["limit"], r["way"]) == (limit, way)} for way in WAYS]
        pairs = [(by_way[0][seed], by_way[1][seed]) for seed in by_way[0] if seed in by_way[1]]
        both = [pair for pair in pairs if pair[1]["bitops"] is not None]
        used = [_used([pair[number]["bitops"] for pair in pairs]) for number in (0, 1)]
        time = statistics.median(ours["seconds"] / theirs["seconds"] for ours, theirs in pairs)
        yield f"| {limit / 1e9:.2g} G | {' | '.join(used)} | {_changes(both)} | {time:.2f} x |"


def _used(costs: Sequence[int | None]) -> str:
    return ", ".join("none" if cost is None else f"{cost / 1e9:.2f} G" for cost in costs)


def _changes(pairs: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> str:
    if not pairs:
        return "none to compare"
    told = []
    for test in pairs[0][0]["psnr_y"]:
        changes = [ours["psnr_y"][test] - theirs["psnr_y"][test] for ours, theirs in pairs]
        each = ", ".join(f"{change:+.2f}" for change in changes)
        told.append(f"{test} {statistics.mean(changes):+.2f} dB ({each})")
    return "; ".join(told)


@click.command(help=__doc__.splitlines()[0])
@click.option("--train", "photos", multiple=True, required=True, help="A folder of photographs; may be repeated.")
@click.option("--test", "tests", multiple=True, required=True, help="A test set, as NAME=FOLDER; may be repeated.")
@click.option("--limit", "limits", multiple=True, default=LIMITS, show_default=True)
@click.option("--seeds", default=3, show_default=True, help="How many.")
@click.option("--set", "settings", multiple=True, help="Replaces another field of the spec, as for qnas run.")
@out_option
def main(
    photos: Sequence[str],
    tests: Sequence[str],
    limits: Sequence[str],
    seeds: int,
    settings: Sequence[str],
    out: Path | None,
) -> None:
    """Search and train, and print what came out as a table in Markdown."""
    kept = json.loads(out.read_text())["measured"] if out is not None and out.exists() else []
    there = {(row["limit"], row["way"], row["seed"]) for row in kept}
    pairs = (test.partition("=") for test in tests)
    sets = {name: {"name": "folder", "path": folder} for name, _, folder in pairs}
    data = [f"data.train={{name: folder, path: {json.dumps(list(photos))}}}", f"data.test={json.dumps(sets)}"]
    for seed, limit, way in product(range(seeds), map(_amount, limits), WAYS):
        if (limit, way, seed) not in there:
            with tempfile.TemporaryDirectory() as folder:
                runs = Runs(Path(folder), [*COMMON, *data, *settings, f"seed={seed}"])
                kept.append({"limit": limit, "way": way, "seed": seed, **WAYS[way](runs, limit)})
            write_json(out, {"measured": kept}, [])
    click.echo("\n".join(table(kept)))


def _amount(limit: str) -> int:
    return round(float(limit[:-1]) * {"M": 1e6, "G": 1e9}[limit[-1]])


if __name__ == "__main__":
    main()
