"""What runs show about the paper's claims: the rules, and the page that is written from the runs' folders."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from docs.generator.results import updates
from docs.generator.results.__main__ import main
from docs.generator.results.decisions import decisions
from docs.generator.results.roles import ROLES, TITLES
from docs.generator.results.stability import pooled, search_ratio
from docs.generator.results.trade_off import advantages, verdict_on
from docs.generator.results.verdict import both
from hypothesis import given, strategies as st

from qnas.core.comparison import Figure, Group, compare_runs, find_runs
from qnas.core.comparison.labels import Names
from qnas.core.sweep.sweep_file import read_sweep

from ..synthetic_runs import ENVIRONMENT, SweepFolder
from .conftest import ROOT

pytestmark = pytest.mark.slow

WEIGHT = "regularizers.cost.weight"
DECIDED = {"entropy_at_start": 2.0, "entropy_at_end": 0.1, "ties_at_end": []}
OPEN = {"entropy_at_start": 2.0, "entropy_at_end": 1.0, "ties_at_end": [{"slot": "a"}]}
COSTS = {0.001: 2e9, 0.0: 8e9}
CURVES = st.lists(st.tuples(st.floats(1, 100), st.floats(25, 32)), min_size=1, max_size=6)


class Experiment:
    """A sweep whose variants reach stated scores, plus or minus ``spread`` from seed to seed.

    Attributes:
        spread: In dB.
    """

    def __init__(self, folder: Path, spread: float = 0.01) -> None:
        self.sweep = SweepFolder(folder)
        self.spread = spread

    def add(self, variant: str, gain: float, *, seeds: int = 2, seconds: float = 100.0, **of_run) -> None:
        """A variant at two costs, ``gain`` dB above 27 and 28."""
        fields = {"space.kind": variant, **of_run.pop("fields", {})}
        for (weight, bitops), seed in ((point, seed) for point in COSTS.items() for seed in range(seeds)):
            level = (27 if weight else 28) + gain + self.spread * (2 * seed - seeds + 1)
            times = {"search": seconds + seed, "train": 200.0, "evaluate": 1.0}
            self.sweep.add(
                variant, {WEIGHT: weight}, seed, psnr=level, bitops=bitops, seconds=times, fields=fields, **of_run
            )

    def write(self, out: Path) -> tuple[Result, str]:
        done = CliRunner().invoke(main, [str(self.sweep.finish()), "--out", str(out)])
        page = out / "results.md"
        return done, page.read_text() if page.is_file() else ""


def verdicts(page: str) -> list[str]:
    """The verdict on each claim, from the table at the top."""
    return re.findall(r"^\| \[\d\. .*?\| \*\*(.*?)\*\* \|", page, re.MULTILINE)


def whole(folder: Path, **gains: float) -> Experiment:
    """All variants, with the claims held unless ``gains`` say otherwise."""
    experiment = Experiment(folder)
    without_adq = dict.fromkeys(("uniform-plain", "uniform-batch-norm"), -0.2)
    gain = dict.fromkeys(ROLES, 0.0) | {"searched": 0.2, "rfdn-searched": 0.2} | without_adq | gains
    for name in ROLES:
        changes: dict = {"search": OPEN if name == "no-entropy" else DECIDED}
        if name == "direct":
            changes["seconds"] = 150.0
        experiment.add(name, gain[name], **changes)
    return experiment


def test_the_claims_hold_where_the_runs_show_it(tmp_path: Path) -> None:
    done, page = whole(tmp_path / "sweep").write(tmp_path)
    assert done.exit_code == 0, done.output
    # The second part of the second claim is undecided: PSNR depends on the seed equally in both.
    assert verdicts(page) == ["held", "undecided", "held", "held", "held"]
    assert "+0.200 dB relative to uniform at the same BitOps, mean of 2 points, spread 0.020 dB" in page
    assert "the search takes 0.67 ± 0.00 times as long as with direct quantization, 4 pairs of runs" in page
    assert "4 of 4 runs decided, 0 of 4 without entropy regularization" in page


def test_the_claims_do_not_hold_where_the_runs_show_the_contrary(tmp_path: Path) -> None:
    experiment = Experiment(tmp_path / "sweep")
    for name in ROLES:
        is_ours = name in {"searched", "rfdn-searched"}
        experiment.add(name, -0.2 * is_ours, seconds=300.0 if is_ours else 150.0, search=OPEN)
    _, page = experiment.write(tmp_path)
    assert verdicts(page) == ["did not hold"] * 5


def test_a_difference_below_the_spread_of_seeds_decides_nothing(tmp_path: Path) -> None:
    experiment = Experiment(tmp_path / "sweep", spread=0.3)
    for name in ROLES:
        experiment.add(name, 0.1 * (name in {"searched", "rfdn-searched"}), search=DECIDED, seconds=130.0)
    _, page = experiment.write(tmp_path)
    outcomes = verdicts(page)
    assert [outcomes[number - 1] for number in (1, 3, 4, 5)] == ["undecided"] * 4
    assert "no more than the spread of seeds" in page


def test_one_seed_decides_nothing(tmp_path: Path) -> None:
    experiment = Experiment(tmp_path / "sweep")
    for name in ("searched", "uniform", "mixed"):
        experiment.add(name, float(name == "searched"), seeds=1)
    _, page = experiment.write(tmp_path)
    assert verdicts(page)[0] == "undecided"
    assert "with one seed each, the spread of seeds is not known" in " ".join(page.split())


def test_what_has_not_run_is_said_to_be_so(tmp_path: Path) -> None:
    experiment = Experiment(tmp_path / "sweep")
    experiment.add("searched", 0.5)
    experiment.add("uniform", 0.0)
    _, page = experiment.write(tmp_path)
    assert verdicts(page) == ["undecided", "not run", "not run", "not run", "not run"]
    assert "- **held**: +0.500 dB relative to uniform" in page
    assert "- **not run**: no run of mixed" in page
    assert page.count("**Not run.**") == 1  # the other space; of the others, one side has run


def test_the_page_says_how_the_runs_were_made_and_where_on_no_machine(tmp_path: Path) -> None:
    experiment = whole(tmp_path / "sweep")
    experiment.sweep.add("searched", {WEIGHT: 5}, 0, run=False)
    experiment.sweep.add("searched", {WEIGHT: 6}, 0, psnr=None)
    _, page = experiment.write(tmp_path / "docs")
    assert str(tmp_path) not in page
    text = " ".join(page.split())
    for fact in ("cpu (x86_64, 2 threads)", "seeds: 0, 1", "folder (path train)", "steps 800, batch 16", "x4"):
        assert fact in text
    assert "Set5 (5 images), Set14 (14 images)" in text
    # 12 variants of 4 runs each; 100 s or 150 s of search, half of them a second more, and 201 s.
    seconds = 48 * 201 + 44 * 100 + 4 * 150 + 24 * 1 + 365
    assert f"runs: 49, which took {seconds // 3600} h {seconds // 60 % 60} min in total" in text
    assert "searched/weight=5/seed-0: the sweep has not begun it" in text
    assert "searched/weight=6/seed-0: result.json has no PSNR on 'Set14'" in text


def test_the_page_and_its_plots_fit_together(tmp_path: Path) -> None:
    out = tmp_path / "docs"
    (out / "results").mkdir(parents=True)
    (out / "results/claim-9.svg").write_text("of an older page")
    _, page = whole(tmp_path / "sweep").write(out)
    linked = re.findall(r"!\[.*?\]\((.*?)\)", page)
    assert linked == [f"results/claim-{number}.svg" for number in TITLES]
    assert sorted(path.name for path in (out / "results").iterdir()) == [Path(path).name for path in linked]
    anchors = [
        re.sub(r"[^a-z0-9_ -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^## (.+)$", page, re.MULTILINE)
    ]
    assert set(re.findall(r"\]\(#(.*?)\)", page)) <= set(anchors)
    assert not [anchor for anchor in anchors if "--" in anchor]  # which MkDocs would write with one


def test_adq_must_be_better_in_the_fixed_network_and_in_the_search(tmp_path: Path) -> None:
    _, page = whole(tmp_path / "sweep", **{"uniform-plain": 0.1}).write(tmp_path)
    assert verdicts(page)[3] == "did not hold"
    _, section = page.split("\n## 4. ", 1)
    assert "**did not hold**: -0.100 dB relative to uniform-plain" in section
    assert "**held**: +0.200 dB relative to uniform-batch-norm" in section
    assert "**held**: +0.200 dB relative to no-adq" in section


def test_times_of_different_machines_are_not_compared(tmp_path: Path) -> None:
    experiment = Experiment(tmp_path / "sweep")
    experiment.add("searched", 0.0)
    experiment.add("direct", 0.0, files={"environment.json": {**ENVIRONMENT, "device": "cuda"}})
    _, page = experiment.write(tmp_path)
    assert "- **not run**: no two runs match" in page
    assert "their times can't be compared" in page


def test_mistakes_are_one_line(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, [str(tmp_path), "--out", str(tmp_path)])
    assert done.exit_code == 2
    assert "there is no run in it" in done.output
    assert len(done.output.splitlines()) == 1


@pytest.fixture
def groups_of(tmp_path: Path) -> Callable[..., dict[str, list[Group]]]:
    def read(experiment: Experiment) -> dict[str, list[Group]]:
        return dict(compare_runs(find_runs([experiment.sweep.finish()])).series)

    return read


def test_pooled_deviations_and_ratios_of_time(tmp_path: Path, groups_of) -> None:
    experiment = Experiment(tmp_path / "sweep")
    experiment.add("searched", 0.0, seeds=3, seconds=50)
    experiment.add("direct", 0.0, seeds=3, seconds=100)
    groups = groups_of(experiment)
    deviation = pooled(groups["searched"])
    assert deviation is not None
    assert deviation.spread == pytest.approx(0.02)  # of -0.02, 0 and 0.02
    assert deviation.error == pytest.approx(0.02 / 8**0.5)  # of two points with two degrees of freedom each
    ratio = search_ratio(groups["searched"], groups["direct"])
    assert (ratio.mean, ratio.count) == (pytest.approx((50 / 100 + 51 / 101 + 52 / 102) / 3), 6)


def test_a_variant_without_values_of_its_own_is_met_by_its_spec(tmp_path: Path, groups_of) -> None:
    experiment = Experiment(tmp_path / "sweep")
    experiment.add("searched", 0.0)
    experiment.sweep.add("direct", {}, 0, fields={WEIGHT: 0.001}, seconds={"search": 200.0})
    groups = groups_of(experiment)
    assert search_ratio(groups["searched"], groups["direct"]) == Figure(0.5, None, 1)


def test_what_depends_less_on_the_seed_is_more_stable(tmp_path: Path) -> None:
    experiment = Experiment(tmp_path / "sweep")
    experiment.add("searched", 0.0, seeds=4, seconds=50)
    experiment.spread = 0.2
    experiment.add("direct", 0.0, seeds=4)
    _, page = experiment.write(tmp_path)
    assert verdicts(page)[1] == "held"
    deviations = [0.01 * (5 / 3) ** 0.5 * 2, 0.2 * (5 / 3) ** 0.5 * 2]  # of -3, -1, 1 and 3 times the half step
    assert "PSNR differs from seed to seed by {:.3f} dB, with direct quantization by {:.3f} dB".format(
        *deviations
    ) in " ".join(page.split())


def test_how_searches_ended(tmp_path: Path, groups_of) -> None:
    experiment = Experiment(tmp_path / "sweep")
    experiment.add("searched", 0.0, search={**DECIDED, "ties_at_end": [{"slot": "a"}]})
    experiment.add("no-entropy", 0.0, search={"note": "nothing was searched"})
    groups = groups_of(experiment)
    ends = decisions(groups["searched"])
    assert (ends.decided, ends.runs, ends.left.mean, ends.ties.mean) == (0, 4, 0.05, 1.0)
    assert decisions(groups["no-entropy"]).runs == 0


def group(cost: float, psnr: float, spread: float | None = None) -> Group:
    none = Figure.of([])
    return Group(Names("", ""), [], Figure(cost, None, 1), Figure(psnr, spread, 1), none, none, [(cost, psnr)])


def test_what_another_seed_costs_more_is_no_spread() -> None:
    """Runs of one spec on the baseline's front, lifted by 0.1 and 0.3, are 0.2 better and not scattered."""
    baseline = [group(1, 27, 0.0), group(4, 28, 0.0)]
    found = replace(group(2, 27.7), points=[(1, 27.1), (4, 28.3)])
    (one,) = advantages([found], baseline)
    assert one.gain == pytest.approx(0.2)
    assert one.spread == pytest.approx(0.2 / 2**0.5)
    assert one.baseline == pytest.approx(27.5)


@given(CURVES)
def test_nothing_is_better_than_itself(curve: list[tuple[float, float]]) -> None:
    groups = [group(*point) for point in curve]
    assert [one.gain for one in advantages(groups, groups)] == pytest.approx([0] * len(advantages(groups, groups)))


@given(CURVES, st.floats(0.01, 3))
def test_a_curve_that_is_lifted_is_better_by_as_much(curve: list[tuple[float, float]], lift: float) -> None:
    found = advantages([group(cost, psnr + lift) for cost, psnr in curve], [group(*point) for point in curve])
    assert found
    assert [one.gain for one in found] == pytest.approx([lift] * len(found))


def test_the_front_is_read_off_between_its_points() -> None:
    baseline = [group(1, 27, 0.1), group(4, 28, 0.3), group(3, 20)]  # the last is not on the front
    (one,) = advantages([group(2, 28)], baseline)
    assert one.baseline == pytest.approx(27.5)  # half of the way, as 2 is from 1 to 4 by its logarithm
    assert one.spread == pytest.approx(both(None, 0.2))


@pytest.mark.parametrize(
    ("cost", "psnr", "gain"),
    [
        (0.5, 27.1, 0.1),  # cheaper and better
        (0.5, 26.9, None),
        (9.0, 27.9, -0.1),  # more expensive and worse
        (9.0, 28.5, None),
        (0.96, 26.9, -0.1),  # almost as cheap as the cheapest
        (4.1, 28.5, 0.5),
    ],
)
def test_beyond_the_front_only_who_is_better_for_less_is_compared(cost: float, psnr: float, gain: float | None) -> None:
    found = advantages([group(cost, psnr)], [group(1, 27), group(4, 28)])
    assert [one.gain for one in found] == ([] if gain is None else [pytest.approx(gain)])


def test_where_nothing_can_be_compared_nothing_is_decided() -> None:
    assert verdict_on([group(9, 30)], [group(1, 27)], "uniform").outcome == "undecided"
    assert verdict_on([], [group(1, 27)], "uniform").outcome == "not run"


@pytest.mark.parametrize("name", ["claims-cpu", "claims-gpu"])
def test_the_experiments_have_the_variants_that_the_page_is_about(name: str) -> None:
    sweep = read_sweep(ROOT / f"specs/experiments/{name}.yaml")
    assert {variant.name for variant in sweep.variants} == set(ROLES)


def test_a_joint_update_is_compared_with_alternating_in_each_space(tmp_path: Path) -> None:
    experiment = Experiment(tmp_path / "sweep")
    for prefix in updates.SPACES:
        for name, gain, seconds in (("alternating", 0.0, 120), ("joint-same-steps", -0.2, 80)):
            experiment.add(prefix + name, gain, seconds=seconds, seeds=3)
    experiment.add("joint-same-time", 0.01, seconds=120, seeds=3)
    done = CliRunner().invoke(updates.main, [str(experiment.sweep.finish())])
    rows = [line.strip("| ").split(" | ") for line in done.output.splitlines()[2:]]
    assert [row[:2] for row in rows] == [
        [space, at] for space in ("basic", "quantnas-rfdn") for at in ("the same steps", "the same time")
    ]
    outcomes = [row[2].partition(":")[0] for row in rows]
    assert outcomes == ["did not hold", "undecided", "did not hold", "not run"]
    assert [row[3] for row in rows] == ["0.67 ± 0.00", "1.00 ± 0.00", "0.67 ± 0.00", "-"]
    assert rows[0][4] == rows[0][5] == "0.020 ± 0.007 dB"
    assert "-0.200 dB relative to alternating at the same BitOps, mean of 2 points" in rows[0][2]
