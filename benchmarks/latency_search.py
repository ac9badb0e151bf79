r"""A search under a limit on the time in OpenVINO, beside a search by BitOps and 8 bits everywhere, at the same time.

    python benchmarks/latency_search.py --train data/General100 --train data/BSDS400 --test Set14=data/Set14 \
        --tables tables --out benchmarks/results/latency_search.json

The protocol is that of specs/experiments/protocol-cpu.yaml. All networks keep to the same limit by the same table. The
search by BitOps stands for a user without a table: of what it finds at any limit on BitOps, the dearest that is quick
enough is trained. Of the networks with one operation and 8 bits everywhere, it is the dearest too. All are trained for
the same steps, then timed in turn.

Rows that are already in the file are not computed again, so you can stop the program and start it again.
"""

import json
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import click
from kept_rows import KeptRows

from qnas.core.cli.main import invoke
from qnas.core.components import Cost, Space, Target
from qnas.core.deploy.profiling.measuring import Profile, profile
from qnas.core.deploy.timing import MOST
from qnas.core.errors import QnasError
from qnas.core.files.folder import RunFolder
from qnas.core.network import Candidate, count_choices, slot_candidates
from qnas.core.run.names import SUPERNET
from qnas.core.run.record import RunRecord
from qnas.core.search.limits.allowed import AllowedNetworks
from qnas.core.settings.lr_sizes import Size, lr_size
from qnas.core.spec import load_spec

SPEC = Path(__file__).parents[1] / "specs/experiments/protocol-cpu.yaml"
TARGET = "openvino"
SPACE: Mapping[str, Any] = {
    "name": "basic",
    "channels": 24,
    "cells": 2,
    "bits": [4, 8],
    "residual": "plain",
    "image_residual": "bicubic",
}
"""That of the spec, but with plain residuals: networks without statistics run as they are."""
SHARE = 0.4
"""Where the limit is, from the quickest network of the space to the slowest."""
EXACT = 1e-3
SLOWEST = 10**15

Row = dict[str, Any]
Choice = Mapping[str, Candidate]


class Limited:
    """A space, how long its networks take, and the limit.

    Args:
        tables: The folder that keeps the table.
        threads: Of the runtime.
        size: Of the LR image that is timed, height and width.
    """

    def __init__(self, tables: Path, threads: int, size: Size) -> None:
        spec = load_spec(SPEC)
        self.fields = Space.of(SPACE).model_dump(mode="json")
        self.scale, self.quantizer = spec.scale, spec.quantizer.train
        self.threads, self.size = threads, size
        tables.mkdir(parents=True, exist_ok=True)
        self.table = tables.resolve() / f"{TARGET}-{threads}.json"

    @cached_property
    def profile(self) -> Profile:
        """What times the networks of the space."""
        space, target = Space.of(self.fields), Target.of(TARGET)
        sizes = {"threads": self.threads, "scale": self.scale}
        return profile(space, self.quantizer, target, size=self.size, between=None, **sizes)

    @cached_property
    def cost(self) -> Cost:
        """The latency in nanoseconds."""
        return Cost.of({"name": "latency", "table": str(self.table)})

    @cached_property
    def nanoseconds(self) -> int:
        """The limit."""
        allowed = self.allowed(self.fields, latency=SLOWEST)
        quickest = allowed.cheapest("latency", ())
        slowest = self.price(allowed.best(allowed.tables["latency"].slots), self.cost)
        return round(quickest + SHARE * (slowest - quickest))

    def allowed(self, fields: Mapping[str, Any], **limits: int) -> AllowedNetworks:
        """The networks that keep to limits."""
        costs = {"latency": self.cost, "bitops": Cost.of("bitops")}
        return AllowedNetworks.of(Space.of(fields), self.scale, self.quantizer, costs, limits)

    def price(self, chosen: Choice, cost: Cost) -> int:
        """What a network costs."""
        return round(count_choices(Space.of(self.fields), self.scale, chosen, self.quantizer).total(cost))


class Runs:
    """The runs of one seed, in a folder.

    Args:
        folder: Theirs.
        limited: What they search.
        settings: What replaces fields of the spec, as after ``--set``.
    """

    def __init__(self, folder: Path, limited: Limited, settings: Sequence[str]) -> None:
        self.folder, self.limited, self.settings = folder, limited, settings

    def do(self, name: str, limits: Mapping[str, int], fields: Mapping[str, Any], *arguments: str) -> Path:
        """Begin a run, or go on with it."""
        out, costs = self.folder / name, {"latency": {"table": str(self.limited.table)}}
        told = {"space": fields, "limits": limits, "regularizers": {"entropy": {"weight": 0.01}}, "target": TARGET}
        told |= {"costs": costs} if "latency" in limits else {}
        settings = [*self.settings, *(f"{key}={json.dumps(value)}" for key, value in told.items())]
        sets = [part for setting in settings for part in ("--set", setting)]
        resume = ["--resume"] if out.exists() else []
        _done(invoke(["run", str(SPEC), "--out", str(out), *sets, *resume, *arguments]), name)
        return out

    def by_latency(self) -> Path:
        """A search under the limit."""
        return self.do("latency", {"latency": self.limited.nanoseconds}, self.limited.fields)

    def by_bitops(self) -> Path:
        """A search by BitOps, as dear as the limit lets it be."""
        start = self.limited.price(RunRecord(RunFolder(self.by_latency())).architecture.candidates(), Cost.of("bitops"))
        searched = self.do("search", {"bitops": start}, self.limited.fields, "--until", "derive")
        low, high = self.limited.allowed(self.limited.fields, bitops=SLOWEST).cheapest("bitops", ()), 100 * start
        scores = RunFolder(searched).read_tensors(SUPERNET)["alpha"]
        while high - low > EXACT * low:
            middle = (low + high) // 2
            chosen = self.limited.allowed(self.limited.fields, bitops=middle).best(scores)
            if self.limited.price(chosen, self.limited.cost) <= self.limited.nanoseconds:
                low = middle
            else:
                high = middle
        out = self.folder / "bitops"
        _done(invoke(["derive", str(searched), "--limit", f"bitops={low}", "-o", str(out)]), "bitops")
        return out

    def of_8_bits(self) -> Path:
        """A search under the limit for the operations alone: all have 8 bits."""
        return self.do("8-bits", {"latency": self.limited.nanoseconds}, {**self.limited.fields, "bits": [8]})

    def of_one_operation(self) -> Path:
        """One operation and 8 bits everywhere, the dearest by BitOps that is quick enough."""
        fields = {**self.limited.fields, "bits": [8]}
        options = slot_candidates(Space.of(fields), self.limited.scale)
        names = [{one.operation.label: one for one in of} for of in options.values()]
        common = [name for name in names[0] if all(name in of for of in names)]
        chosen = [dict(zip(options, (of[name] for of in names), strict=True)) for name in common]
        quick = [one for one in chosen if self.limited.price(one, self.limited.cost) <= self.limited.nanoseconds]
        if not quick:
            raise QnasError("no network with one operation and 8 bits everywhere keeps to the limit: raise SHARE")
        dearest = max(quick, key=lambda one: self.limited.price(one, Cost.of("bitops")))
        operation = next(iter(dearest.values())).operation.label
        return self.do("one", {}, {**fields, "operations": [operation]})


WAYS = {
    "search, limit on latency": Runs.by_latency,
    "search, limit on BitOps": Runs.by_bitops,
    "search, limit on latency, 8 bits": Runs.of_8_bits,
    "one operation, 8 bits": Runs.of_one_operation,
}


def _done(status: int, name: str) -> None:
    if status:
        raise QnasError(f"{name} failed")


def rows_of(runs: Runs, seed: int, rounds: int) -> Iterator[Row]:
    """What came out of each way; their networks take turns while they are timed."""
    found = {way: RunRecord(RunFolder(do(runs))) for way, do in WAYS.items()}
    chosen = [run.architecture.candidates() for run in found.values()]
    timings = runs.limited.profile.time(chosen, rounds)
    for (way, run), network, timing in zip(found.items(), chosen, timings, strict=True):
        yield {
            "way": way,
            "seed": seed,
            "psnr_y": {name: scores["psnr_y"] for name, scores in run.result["test"].items()},
            "bitops": runs.limited.price(network, Cost.of("bitops")),
            "predicted": runs.limited.price(network, runs.limited.cost) / 1e9,
            "measured": timing["seconds"],
            "limit": runs.limited.nanoseconds / 1e9,
        }


def table(rows: Sequence[Row]) -> Iterator[str]:
    """The rows as Markdown: the mean over seeds, and each seed's difference from the first way in brackets."""
    sets = list(dict.fromkeys(name for row in rows for name in row["psnr_y"]))
    yield f"| network | BitOps | predicted | measured | {' | '.join(sets)} |"
    yield f"| --- | --- | --- | --- |{' --- |' * len(sets)}"
    by_way = {way: {row["seed"]: row for row in rows if row["way"] == way} for way in WAYS}
    first = next(iter(by_way.values()))
    for way, of in by_way.items():
        times = [
            f"{1e3 * statistics.mean(row[key] for row in of.values()):.1f} ms" for key in ("predicted", "measured")
        ]
        bitops = f"{statistics.mean(row['bitops'] for row in of.values()) / 1e9:.2f} G"
        yield f"| {way} | {bitops} | {' | '.join(times)} | {' | '.join(_psnr(of, first, name) for name in sets)} |"


def _psnr(of: Mapping[int, Row], first: Mapping[int, Row], name: str) -> str:
    mean = f"{statistics.mean(row['psnr_y'][name] for row in of.values()):.2f} dB"
    changes = [f"{row['psnr_y'][name] - first[seed]['psnr_y'][name]:+.2f}" for seed, row in of.items()]
    return mean if of is first else f"{mean} ({', '.join(changes)})"


@click.command(help=__doc__.splitlines()[0])
@click.option("--train", "photos", multiple=True, required=True, help="A folder of photographs; may be repeated.")
@click.option("--test", "tests", multiple=True, required=True, help="A test set, as NAME=FOLDER; may be repeated.")
@click.option("--threads", default=2, show_default=True, help="Of the runtime.")
@click.option("--size", default="256x256", show_default=True, help="Of the LR image that is timed.")
@click.option("--seeds", default=3, show_default=True, help="How many.")
@click.option("--rounds", default=MOST, show_default=True, help="At most so often a network is timed.")
@click.option("--tables", type=click.Path(path_type=Path), required=True, help="The folder that keeps the table.")
@click.option("--set", "settings", multiple=True, help="Replaces another field of the spec, as for qnas run.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The JSON file that keeps the rows.")
def main(
    photos: Sequence[str],
    tests: Sequence[str],
    threads: int,
    size: str,
    seeds: int,
    rounds: int,
    tables: Path,
    settings: Sequence[str],
    out: Path,
) -> None:
    """Search, train and time, and print what came out as a table in Markdown."""
    limited = Limited(tables, threads, lr_size(size, load_spec(SPEC).scale))
    limited.profile.measure(limited.table, rounds)
    kept = KeptRows(out, {"space": limited.fields, "setting": limited.profile.setting.to_json(), "set": settings})
    sets = {name: {"name": "folder", "path": folder} for name, _, folder in (test.partition("=") for test in tests)}
    data = [f"data.train={{name: folder, path: {json.dumps(photos)}}}", f"data.test={json.dumps(sets)}"]
    for seed in range(seeds):
        if not kept.has({"seed": seed}):
            with tempfile.TemporaryDirectory() as folder:
                runs = Runs(Path(folder), limited, [*data, *settings, f"seed={seed}"])
                for row in list(rows_of(runs, seed, rounds)):
                    kept.add(row)
    click.echo("\n".join(table(kept.rows)))


if __name__ == "__main__":
    main()
