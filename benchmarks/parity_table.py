"""The tables of docs/deployment.md, from the rows of benchmarks/parity.py."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from parity_grid import BFLOAT16, WAYS
from parity_networks import networks

Row = Mapping[str, Any]
Way = tuple[str, int | None]


def markdown(kept: Mapping[str, Any]) -> str:
    """How equal the images are, and behind which operators the integers lie that differ; a line for each network."""
    rows = kept["rows"]
    judged = [way for way in WAYS if way[0] != BFLOAT16]
    tied = [row for row in rows if _is_by_segments(row) and is_complete(row)]
    return f"{_head(kept)}\n\n{_table(rows, WAYS, _equality)}\n{_head_of_ties(tied)}\n\n{_table(tied, judged, _ties)}"


def is_complete(row: Row) -> bool:
    """Whether a row says all that is told today: of segments, where their ties are."""
    return "segments" not in row or "operators" in row["segments"]


def _table(rows: Sequence[Row], ways: Sequence[Way], cell: Callable[[Sequence[Row], str], str]) -> str:
    """A line for each network, whose cells are about its rows of all scales."""
    names = [target + (f", {between} bits between" if between else "") for target, between in ways]
    lines = [["network", "scales", *names], ["---"] * (len(ways) + 2)]
    by_network = {name: [row for row in rows if row["network"] == name] for name in networks()}
    for network, of_network in filter(lambda item: item[1], by_network.items()):
        scales = _scales(of_network)
        by_way = [[row for row in of_network if (row["target"], row["between"]) == way] for way in ways]
        lines.append([network, scales, *(cell(of_way, scales) for of_way in by_way)])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _scales(rows: Sequence[Row]) -> str:
    return ", ".join(map(str, sorted({row["scale"] for row in rows})))


def _head(kept: Mapping[str, Any]) -> str:
    rows = [row for row in kept["rows"] if row["target"] != BFLOAT16]
    proven = [row for row in rows if not row["failure"]]
    by_segments = sum("segments" in row for row in proven)
    versions = ", ".join(f"{name} {version}" for name, version in kept["versions"].items())
    return (
        f"By {kept['date']}, the last rows at commit {kept['commit']}: {len(proven)} of {len(rows)} files are proven,"
        f" {by_segments} by segments. Those of `{BFLOAT16}` need not be, and are not counted.\n\n"
        f"Versions: {versions}."
    )


def _equality(rows: Sequence[Row], scales: str) -> str:
    """The smallest share of equal values, and the furthest; in bfloat16 the largest difference of PSNR too."""
    if not rows or any("of_file" not in row for row in rows):
        return "**no file**" if rows else ""
    least = min(row["of_file"]["equal"] for row in rows)
    furthest = max(row["of_file"]["largest_in_levels"] for row in rows)
    of_some = "" if _scales(rows) == scales else f" (x{_scales(rows)})"
    return f"{least:.2%}, {furthest}{_verdict(rows)}{of_some}"


def _verdict(rows: Sequence[Row]) -> str:
    if rows[0]["target"] == BFLOAT16:
        apart = [found["file"] - found["network"] for row in rows for found in row["psnr_y"].values()]
        return f", {round(max(apart, key=abs), 3) + 0.0:+.3f} dB"  # never -0.000
    if any(row["failure"] for row in rows):
        return ", **not proven**"
    return ", by segments" if any("segments" in row for row in rows) else ""


def _head_of_ties(rows: Sequence[Row]) -> str:
    differing, integers = (sum(row["segments"][key] for row in rows) for key in ("differing", "integers"))
    return (
        f"In {len(rows)} of the files that are proven by segments, {differing} of {integers} integers differ."
        " They stand behind:"
    )


def _ties(rows: Sequence[Row], _: str) -> str:
    """How many integers differ, by the operators that their quantizers stand behind."""
    counts: Counter[str] = Counter()
    for row in rows:
        counts.update(row["segments"]["operators"])
    return ", ".join(f"{operator} {count}" for operator, count in counts.most_common()) or ("0" if rows else "")


def _is_by_segments(row: Row) -> bool:
    return "segments" in row and not row["failure"]
