"""docs/results.md: the claims, each with its verdict, its figures and how they were obtained."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from qnas.core.comparison import Comparison, CostAxis, Figure, FinishedRun, FoundRuns, Group, LeftOut, facts_of
from qnas.core.comparison.fields import differing, told
from qnas.core.drawing.wording import duration, quantity

from ..markdown import code, escaped, heading, table, wrapped
from . import decisions, stability, trade_off
from .claims import Claim
from .roles import DIRECT, NO_ENTROPY, ROLES, SEARCHED, TRADE_OFFS
from .verdict import UNKNOWN, Verdict

NOTICE = "<!-- Written by python -m docs.generator.results from the folders of runs: don't edit it, run that again. -->"
FOLDER = "results"
_ABOUT = """\
What the paper claims (arXiv 2208.14839), and what runs of this project show about it. All figures and verdicts are
computed from the folders of the runs by the rules at the end; nothing is written by hand. PSNR is on Y, in dB, with the
border cropped by as many pixels as the scale. BitOps are for an LR image of 32 x 32. "At the same BitOps" does not
count what is computed in float, which each run's result.json lists as float_work. ± is one standard deviation over
seeds."""
_VERDICTS = """\
A claim is decided, as held or as not held, only if the difference is larger than the spread of seeds; otherwise it is
undecided. A claim held if all its parts held, and did not hold if any of them did not."""


def results_page(claims: Sequence[Claim], found: FoundRuns, folders: Sequence[Path]) -> str:
    """The page as Markdown.

    Args:
        claims: The claims.
        found: All runs.
        folders: The folders that were searched for runs.
    """
    summary = [
        (f"[{claim.number}. {claim.title}](#{_anchor(claim)})", f"**{claim.outcome}**", "; ".join(_why(claim)))
        for claim in claims
    ]
    parts = [
        NOTICE,
        heading("Results", 1),
        _text(_ABOUT),
        table(("claim", "verdict", "evidence"), summary),
        heading("How these results were obtained"),
        _made(found.runs),
        _left_out(found.left_out, folders),
        *(part for claim in claims for part in _section(claim, folders)),
        heading("Rules"),
        *map(_text, (_VERDICTS, trade_off.RULE, stability.RULE, decisions.RULE)),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def figure_name(claim: Claim) -> str:
    """The file of a claim's plot, as the page links it."""
    return f"{FOLDER}/claim-{claim.number}.svg"


def _text(paragraph: str) -> str:
    return wrapped(" ".join(paragraph.split()))


def _anchor(claim: Claim) -> str:
    kept = "".join(sign for sign in f"{claim.number}. {claim.title}".lower() if sign.isalnum() or sign in " -_")
    return kept.replace(" ", "-")


def _why(claim: Claim) -> list[str]:
    return [escaped(str(verdict) if verdict.outcome != claim.outcome else verdict.why) for verdict in claim.verdicts]


def _made(runs: Sequence[FinishedRun]) -> str:
    """What all runs have in common, or how they differ."""
    seconds = [sum(value for stage in _stages(run) if (value := run.figure("seconds", stage))) for run in runs]
    sets = {name: len(images) for run in runs for name, images in run.images.items()}
    facts = {
        "runs": [f"{len(runs)}, which took {duration(sum(seconds))} in total"],
        "scale": sorted({f"x{run.scale}" for run in runs}),
        "test sets": [", ".join(f"{name} ({count} images)" for name, count in sets.items())],
        **{fact.name: list(fact.words) for fact in facts_of(runs, whole_paths=False)},
    }
    return "\n".join(wrapped(f"- {name}: {escaped('; '.join(words))}", "  ") for name, words in facts.items())


def _stages(run: FinishedRun) -> list[str]:
    seconds = run.result.get("seconds")
    return list(seconds) if isinstance(seconds, Mapping) else []


def _left_out(left_out: Sequence[LeftOut], folders: Sequence[Path]) -> str:
    lines = [f"- {escaped(_inside(f'{one.folder}: {one.why}', folders))}" for one in left_out]
    return "\n".join(["Left out:", "", *lines]) if lines else ""


def _inside(text: str, folders: Sequence[Path]) -> str:
    """A text with paths relative to the given folders: where these were on the machine does not belong on a page."""
    for folder in folders:
        text = text.replace(f"{folder}{os.sep}", "")
    return text


def _section(claim: Claim, folders: Sequence[Path]) -> list[str]:
    title = heading(f"{claim.number}. {claim.title}")
    if claim.comparison is None:
        return [title, "**Not run.**"]
    comparison = claim.comparison
    return [
        title,
        "\n".join(map(_line, claim.verdicts)),
        _compared(claim),
        f"![PSNR on {comparison.test} over BitOps: {', '.join(name for name in claim.variants if claim.groups[name])}]"
        f"({figure_name(claim)})",
        _figures(comparison),
        *_details(claim),
        _seconds(comparison),
        "\n".join(wrapped(f"- Note: {escaped(_inside(notice, folders))}", "  ") for notice in comparison.notices),
        _left_out(comparison.left_out, folders),
    ]


def _line(verdict: Verdict) -> str:
    why = f": {escaped(verdict.why)}" if verdict.why else ""
    return wrapped(f"- **{verdict.outcome}**{why}", "  ")


def _compared(claim: Claim) -> str:
    """The variants in words, each with the fields in which its spec differs from that of the first."""
    first = next((groups for groups in claim.groups.values() if groups), [])
    rows = []
    for name in claim.variants:
        groups = claim.groups[name]
        seeds = sorted({seed for group in groups for seed in group.seeds})
        rows.append((code(name), ROLES[name], _difference(groups, first), ", ".join(map(str, seeds)) or "not run"))
    return table(("variant", "what it is", "spec", "seeds"), rows)


def _difference(groups: Sequence[Group], first: Sequence[Group]) -> str:
    """The fields in which a variant differs from the first, and those that it varies itself."""
    if not groups:
        return ""
    own, other = groups[0].runs[0].fields, first[0].runs[0].fields
    varied = {path for group in (*groups, *first) for run in group.runs if run.point for path in run.point.values}
    changed = [path for path in differing([other, own]) if path in own and path not in varied]
    fixed = [f"{path}={told(own[path])}" for path in changed]
    return ", ".join([*map(code, fixed), *(f"varies {code(path)}" for path in _varied(groups))])


def _varied(groups: Sequence[Group]) -> list[str]:
    return list(dict.fromkeys(path for group in groups for run in group.runs if run.point for path in run.point.values))


def _figures(comparison: Comparison) -> str:
    """All rows of a claim, for all of its test sets."""
    fixed = [axis.cost.title for axis in _fixed(comparison)]
    tests = [f"{name}, dB" for name in comparison.tests]
    titles = ["run", "runs", *tests, comparison.cost.unit, *fixed, "search", "train"]
    rows = [
        [
            code(group.label),
            str(len(group.runs)),
            *(_figure(group.figure("test", name, "psnr_y"), 2) for name in comparison.tests),
            _quantity(group.cost),
            *(_quantity(group.of_cost(axis)) for axis in _fixed(comparison)),
            *(_duration(group.figure("seconds", stage)) for stage in ("search", "train")),
        ]
        for group in comparison.groups
    ]
    bicubic = [
        Figure.of(run.figure("test", name, "bicubic", "psnr_y") for run in comparison.runs) for name in comparison.tests
    ]
    rows.append(
        ["bicubic", "", *(UNKNOWN if b.mean is None else f"{b.mean:.2f}" for b in bicubic), *[""] * (3 + len(fixed))]
    )
    return table(titles, rows)


def _fixed(comparison: Comparison) -> list[CostAxis]:
    """The costs that stand beside: those that depend neither on the image nor on bit-widths."""
    return [axis for axis in comparison.others if not (axis.cost.per_image or axis.cost.by_width)]


def _details(claim: Claim) -> list[str]:
    if claim.number in TRADE_OFFS:
        pairs = [(ours, name) for ours, *others in TRADE_OFFS[claim.number] for names in others for name in names]
        return [_advantages(claim, *pair) for pair in pairs]
    if claim.number == 2:
        return [_stability(claim)]
    return [_decisions(claim)]


def _advantages(claim: Claim, ours: str, baseline: str) -> str:
    if not claim.groups[ours] or not claim.groups[baseline]:
        return ""
    found = trade_off.advantages(claim.groups[ours], claim.groups[baseline])
    rows = [
        (
            code(one.group.label),
            _quantity(one.group.cost),
            f"{one.group.psnr.mean:.3f}",
            f"{one.baseline:.3f}",
            f"{one.gain:+.3f}",
            UNKNOWN if one.spread is None else f"{one.spread:.3f}",
        )
        for one in found
    ]
    titles = ("point of the front", "BitOps", "dB", f"{baseline} at the same BitOps", "difference", "spread")
    return table(titles, rows)


def _stability(claim: Claim) -> str:
    pooled = {name: stability.pooled(claim.groups[name]) for name in (SEARCHED, DIRECT)}
    seconds = {name: stability.mean_search_seconds(claim.groups[name]) for name in (SEARCHED, DIRECT)}
    rows = [
        (
            code(name),
            UNKNOWN if (took := seconds[name]) is None else f"{took:.1f} s",
            str(pooled[name] or UNKNOWN),
        )
        for name in (SEARCHED, DIRECT)
    ]
    return table(("variant", "mean search time", "deviation of PSNR over seeds, pooled"), rows)


def _decisions(claim: Claim) -> str:
    ends = {name: decisions.decisions(claim.groups[name]) for name in (SEARCHED, NO_ENTROPY)}
    rows = [
        (
            code(name),
            f"{end.decided} of {end.runs}",
            _figure(end.left, 3),
            _figure(end.ties, 1),
            _figure(end.gap, 3),
        )
        for name, end in ends.items()
    ]
    titles = ("variant", "runs decided", "share of entropy left", "near ties per run", "discretization gap, dB")
    return table(titles, rows)


def _seconds(comparison: Comparison) -> str:
    total = sum(value for run in comparison.runs for stage in _stages(run) if (value := run.figure("seconds", stage)))
    return f"These {len(comparison.runs)} runs took {duration(total)} in total."


def _figure(figure: Figure, digits: int) -> str:
    if figure.mean is None:
        return UNKNOWN
    return f"{figure.mean:.{digits}f}" + ("" if figure.spread is None else f" ± {figure.spread:.{digits}f}")


def _quantity(figure: Figure) -> str:
    return UNKNOWN if figure.mean is None else quantity(figure.mean)


def _duration(figure: Figure) -> str:
    return UNKNOWN if figure.mean is None else duration(figure.mean)
