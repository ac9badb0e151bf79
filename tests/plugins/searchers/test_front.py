"""A front from one search: networks at several limits, of which none is dominated."""

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from qnas.core.cli.main import invoke
from qnas.core.comparison import compare_runs, find_runs
from qnas.core.files.folder import RunFolder
from qnas.core.network import Supernet
from qnas.core.run.record import RunRecord
from qnas.core.search.task import SearchTask
from qnas.plugins.searchers.front_alpha import FrontAlpha

from ...conftest import TINY

MakeTask = Callable[..., SearchTask]


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with a front."""
    folder = tmp_path_factory.mktemp("front")
    (folder / "spec.yaml").write_text(TINY)
    settings = (
        "search.front=4",
        "search.tuning=2",
        "regularizers={}",
        "space.operations=[native]",
        "space.bits=[2, 4, 8]",
    )
    options = [part for setting in settings for part in ("--set", setting)]
    assert invoke(["run", str(folder / "spec.yaml"), "--out", str(folder / "run"), *options]) == 0
    return folder / "run"


def test_limits_rise_by_one_factor_up_to_the_limit(make_task: MakeTask) -> None:
    task = make_task()
    table = task.prices[task.costs["bitops"]]
    limits = [limit["bitops"] for limit in task.front_limits(4)]
    assert limits[-1] == table.highest
    factors = [after / before for before, after in pairwise([table.lowest, *limits])]
    assert factors == pytest.approx([(table.highest / table.lowest) ** (1 / 4)] * 4, rel=1e-3)
    limited = task.under({"params": 10**9, "bitops": limits[1]})
    assert all(own["bitops"] == limits[1] for own in limited.front_limits(3))  # the first that has a limit differs


def test_a_step_moves_the_alpha_of_its_point_downhill_the_most(make_task: MakeTask) -> None:
    task = make_task()
    supernet = Supernet(task.space, task.scale, task.search_quantizer)
    alpha = FrontAlpha(supernet, [task.under(limits) for limits in task.front_limits(3)], 30, 0.1)
    alpha.begin(1)
    place = alpha._at
    supernet.alpha.grad = torch.ones_like(supernet.alpha)
    alpha.step()
    moved = []
    for other in range(3):
        alpha._put(other)
        moved.append(float(supernet.alpha.detach().mean()))
    assert moved[place] == min(moved) < 0


def test_its_gradient_is_that_of_what_all_points_share(make_task: MakeTask) -> None:
    """Of A + t B + C for each point, by automatic differentiation."""
    task = make_task()
    supernet = Supernet(task.space, task.scale, task.search_quantizer)
    alpha = FrontAlpha(supernet, [task.under(limits) for limits in task.front_limits(3)], 30, 0.1)
    alpha.begin(1)
    given = supernet.alpha.grad = torch.randn_like(supernet.alpha)
    shared, sloped, own = (torch.zeros_like(supernet.alpha, requires_grad=True) for _ in range(3))
    (given * (shared + (-1, 0, 1)[alpha._at] * sloped + own)).sum().backward()
    alpha.step()
    found = alpha._parts.grad
    torch.testing.assert_close(found[0], shared.grad)
    torch.testing.assert_close(found[1], sloped.grad)
    torch.testing.assert_close(found[2 + alpha._at], own.grad)
    assert not any(found[2 + place].any() for place in range(3) if place != alpha._at)


def test_a_state_that_is_loaded_has_all_points(make_task: MakeTask) -> None:
    task = make_task()
    levels = [task.under(limits) for limits in task.front_limits(3)]
    before, after = (
        FrontAlpha(Supernet(task.space, task.scale, task.search_quantizer), levels, 30, 0.1) for _ in range(2)
    )
    for step in (1, 2):
        before.begin(step)
        before.supernet.alpha.grad = torch.randn_like(before.supernet.alpha)
        before.multipliers.values += step
        before.step()
    after.load({"parts": before.state()["parts"].clone(), "multipliers": before.state()["multipliers"]})
    for place in range(3):
        before._put(place)
        after._put(place)
        assert torch.equal(before.supernet.alpha, after.supernet.alpha)
        assert torch.equal(before.multipliers.values, after.multipliers.values)


def test_every_point_has_its_turn_in_each_round(make_task: MakeTask) -> None:
    task = make_task()
    supernet = Supernet(task.space, task.scale, task.search_quantizer)
    alpha = FrontAlpha(supernet, [task.under(limits) for limits in task.front_limits(3)], 30, 0.1)
    turns = []
    for step in range(1, 31):
        alpha.begin(step)
        turns.append(alpha._at)
    rounds = [turns[start : start + 3] for start in range(0, 30, 3)]
    assert all(sorted(of) == [0, 1, 2] for of in rounds)
    assert len({tuple(of) for of in rounds}) > 1


@pytest.mark.slow
def test_points_keep_to_their_limits_and_none_is_dominated(parent: Path) -> None:
    front = RunRecord(RunFolder(parent)).front
    assert len(front) >= 2
    assert all(point["costs"]["bitops"] <= point["limits"]["bitops"] for point in front)
    for cheaper, dearer in pairwise(front):
        assert cheaper["costs"]["bitops"] < dearer["costs"]["bitops"]
        assert cheaper["psnr"] < dearer["psnr"]
    slots = json.loads((parent / "architecture.json").read_text())["slots"]
    assert slots == front[-1]["slots"]
    assert json.loads((parent / "result.json").read_text())["front"] == front
    page = (parent / "report.html").read_text()
    assert '<section id="front"' in page
    assert page.count(", trained here") == 1


@pytest.mark.slow
def test_a_point_is_trained_as_a_run_of_its_own_in_the_series(parent: Path, tmp_path: Path) -> None:
    assert invoke(["derive", str(parent), "--front", "all", "--steps", "2", "-o", str(tmp_path)]) == 0
    front = RunRecord(RunFolder(parent)).front
    children = [tmp_path / f"front-{number}" for number in range(1, len(front))]
    assert sorted(tmp_path.iterdir()) == children
    for number, (child, point) in enumerate(zip(children, front, strict=False), 1):
        run = RunRecord(RunFolder(child))
        assert json.loads(run.architecture_text)["slots"] == point["slots"]
        assert run.spec.limits == point["limits"]
        assert (run.parent["name"], run.parent["front"]) == ("tiny", number)
        assert run.is_judged
    comparison = compare_runs(find_runs([parent, *children]))
    assert invoke(["derive", str(parent), "--front", "1", "--steps", "2", "-o", str(tmp_path / "one")]) == 0
    assert (tmp_path / "one/model.safetensors").read_bytes() == (children[0] / "model.safetensors").read_bytes()
    assert list(comparison.series) == ["tiny: front"]
    assert invoke(["derive", str(parent), "--front", "all", "--steps", "2", "-o", str(tmp_path)]) == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["search.front=1"], "greater than or equal to 2"),
        (["search.front=3", "space.bits=[4]", "space.operations=[native]"], "there is no room for 3 points"),
        (["search={name: random, front: 3}"], "front"),
        (["search.front=3", "regularizers={cost: {}}"], "limits hold 'bitops' without a penalty"),
    ],
)
def test_what_makes_no_front_is_refused(
    settings: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "spec.yaml").write_text(TINY)
    options = [part for setting in settings for part in ("--set", setting)]
    assert invoke(["check", str(tmp_path / "spec.yaml"), *options]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("number", "message"), [("9", "its front has the points 1 to "), ("x", "must be a number or all (got x)")]
)
def test_a_point_that_is_not_there_is_named(
    number: str, message: str, parent: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoke(["derive", str(parent), "--front", number, "-o", str(tmp_path / "child")]) == 2
    assert message in capsys.readouterr().err
