"""Predicted against measured latency of random networks, and how well BitOps rank them."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import click
import numpy as np
from kept_rows import KeptRows

from qnas.core.components import Cost, Quantizer, Space, Target
from qnas.core.deploy.profiling.measuring import AT_ONCE, Profile, profile
from qnas.core.network import Candidate, count_choices, leaders, slot_candidates
from qnas.core.network.sharing import draw_network
from qnas.core.settings.lr_sizes import lr_size
from qnas.core.spec import load_spec

SPACES = {
    "basic": {"name": "basic", "channels": 18, "cells": 2, "bits": [4, 8]},
    "residual": {
        "name": "skeleton",
        "channels": 24,
        "body": ["residual", "residual", "residual"],
        "bits": [4, 8],
        "operations": ["conv1x1", "conv3x3", "conv5x5", "separable3x3"],
    },
    "rfdb": {
        "name": "skeleton",
        "channels": 16,
        "body": ["rfdb", "rfdb"],
        "bits": [4, 8],
        "slots": [{"match": "body.*.refine.*", "operations": ["conv1x1", "conv3x3", "separable3x3"]}],
    },
}
SCALE, SEED = 2, 7
TITLES = (
    "space",
    "target",
    "threads",
    "networks",
    "median error",
    "at one pace",
    "largest",
    "rank correlation",
    "that of BitOps",
)
Network = dict[str, Candidate]
_ERRORS = ("median_error", "median_error_at_one_pace", "largest_error_at_one_pace")


def spaces(names: Sequence[str], spec: Path | None) -> Iterator[tuple[str, Space, int]]:
    """Label, space and scale of what is measured."""
    if spec is not None:
        read = load_spec(spec)
        yield read.name, read.space, read.scale
        return
    for name in names or SPACES:
        yield name, Space.of(SPACES[name]), SCALE


def drawn(space: Space, scale: int, count: int) -> list[Network]:
    """Random networks of a space, other ones than the table was made from."""
    candidates, random = slot_candidates(space, scale), np.random.default_rng(SEED)
    shared = leaders(space, candidates)
    return [draw_network(shared, candidates, random) for _ in range(count)]


def compared(asked: Profile, count: int, rounds: int, table: Path) -> dict[str, Any]:
    """Seconds that are predicted and measured, and the BitOps, of random networks.

    Measured at one pace is what it would have been if the reference had been as fast as while the table was measured.
    """
    pace = np.median([row["reference_seconds"] for row in asked.measure(table, rounds).networks])
    latency, bitops = Cost.of({"name": "latency", "table": str(table), "anyway": True}), Cost.of("bitops")
    networks = drawn(asked.space, asked.setting.scale, count)
    counts = [count_choices(asked.space, asked.setting.scale, chosen, asked.quantizer) for chosen in networks]
    batches = (networks[first : first + AT_ONCE] for first in range(0, count, AT_ONCE))
    rows = [row for batch in batches for row in asked.time(batch, rounds)]
    return {
        "predicted": [count.total(latency) / 1e9 for count in counts],
        "measured": [row["seconds"] for row in rows],
        "at_one_pace": [row["seconds"] * pace / row["reference_seconds"] for row in rows],
        "bitops": [count.total(bitops) for count in counts],
    }


def figures(of: Mapping[str, Any]) -> dict[str, float]:
    """How well the predictions fit, and how well they and BitOps rank the networks, both at one pace."""
    from scipy.stats import spearmanr

    errors, at_one_pace = (np.abs(np.divide(of["predicted"], of[key]) - 1) for key in ("measured", "at_one_pace"))
    return {
        "median_error": float(np.median(errors)),
        "median_error_at_one_pace": float(np.median(at_one_pace)),
        "largest_error_at_one_pace": float(at_one_pace.max()),
        "rank_correlation": float(spearmanr(of["predicted"], of["at_one_pace"]).statistic),
        "rank_correlation_bitops": float(spearmanr(of["bitops"], of["at_one_pace"]).statistic),
    }


@click.command(help=__doc__.splitlines()[0])
@click.option(
    "--space", "names", multiple=True, type=click.Choice(list(SPACES)), help="Only this one; may be repeated."
)
@click.option("--spec", type=click.Path(path_type=Path), help="A spec whose space is measured instead.")
@click.option("--target", "targets", multiple=True, default=("openvino", "onnxruntime"), show_default=True)
@click.option("--threads", "threads", multiple=True, type=int, default=(1, 2), show_default=True)
@click.option("--size", default="256x256", show_default=True, help="Of the LR image.")
@click.option("--networks", "count", default=30, show_default=True, help="How many are compared.")
@click.option("--rounds", default=15, show_default=True, help="At most so many.")
@click.option("--tables", type=click.Path(path_type=Path), help="A folder that keeps the tables.")
@click.option("--out", type=click.Path(path_type=Path), help="A JSON file that keeps the figures, to go on later.")
def main(
    names: Sequence[str],
    spec: Path | None,
    targets: Sequence[str],
    threads: Sequence[int],
    size: str,
    count: int,
    rounds: int,
    tables: Path | None,
    out: Path | None,
) -> None:
    """Measure, and print the figures as a table in Markdown."""
    with tempfile.TemporaryDirectory() as folder:
        kept = KeptRows(out or Path(folder) / "figures.json", {"size": size, "networks": count})
        for (label, space, scale), name, number in product(spaces(names, spec), targets, threads):
            case = {"space": label, "target": name, "threads": number}
            if not kept.has(case):
                target = Target.of(name)
                asked = profile(
                    space,
                    Quantizer.of("lsq"),
                    target,
                    threads=number,
                    size=lr_size(size, scale),
                    scale=scale,
                    between=target.fills,
                )
                table = (tables or Path(folder)) / f"{label}-{name}-{number}.json"
                of = compared(asked, count, rounds, table)
                kept.add({**case, "setting": asked.setting.to_json(), **of})
        click.echo("\n".join(markdown(kept.rows)))


def markdown(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The figures as a table."""
    yield _row(*TITLES)
    yield _row(*["---"] * len(TITLES))
    for row in rows:
        networks = str(len(row["measured"]))
        yield _row(row["space"], row["target"], str(row["threads"]), networks, *_words(figures(row)))


def _words(told: Mapping[str, float]) -> list[str]:
    errors = [f"{100 * told[key]:.1f} %" for key in _ERRORS]
    return [*errors, *(f"{told[key]:.3f}" for key in ("rank_correlation", "rank_correlation_bitops"))]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
