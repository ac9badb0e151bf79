"""Runs over the latency that was measured, and their hypervolume."""

import math
from pathlib import Path
from typing import Any

import pytest

from qnas.core.comparison import Comparison, compare_runs, find_runs
from qnas.core.comparison.pareto import hypervolume, on_front
from qnas.core.errors import InputError

from ...synthetic_runs import write_run


def timing(milliseconds: float, **changed: Any) -> dict[str, Any]:
    of = {"target": "openvino", "size": [256, 256], "threads": 1, "processor": "Z80"}
    return {**of, "networks": {"found": {"median_seconds": milliseconds / 1000}}, **changed}


def write(folder: Path, *timings: dict[str, Any], psnr: float = 27.5) -> Path:
    fields = {"regularizers.cost.weight": psnr}  # so that each is a row of its own
    return write_run(folder, psnr, fields=fields, files={"export/bench.json": {"measured": timings}})


def compared(*runs: Path, cost: str = "measured") -> Comparison:
    return compare_runs(find_runs(runs), cost=cost)


def test_what_all_runs_were_measured_in_is_the_axis(tmp_path: Path) -> None:
    quick = write(tmp_path / "quick", timing(12.5), timing(7, threads=2))
    slow = write(tmp_path / "slow", timing(20), psnr=28)
    made = compared(quick, slow)
    assert sorted(group.cost.mean for group in made.groups) == pytest.approx([12.5e6, 20e6])
    assert made.cost.heading == "measured latency in openvino, 256 x 256 LR, 1 thread"
    assert made.cost.cost.words(12.5e6) == "12.5 ms"
    assert [other.name for other in made.others] == ["bitops", "macs", "params", "size"]
    named = compared(quick, slow, cost="measured:openvino:256x256:2")
    assert [left.folder for left in named.left_out] == [slow]
    assert named.groups[0].cost.mean == pytest.approx(7e6)


@pytest.mark.parametrize(
    ("timings", "cost", "message"),
    [
        ([[], []], "measured", r"no setting is common to all runs \(qnas bench RUN\.\.\. measures them\)"),
        (
            [[timing(1)], [timing(1, threads=2)]],
            "measured",
            r"no setting is common to all runs \(measured:openvino:256x256:1, measured:openvino:256x256:2\)",
        ),
        (
            [[timing(1), timing(1, threads=2)]] * 2,
            "measured",
            r"measured in several settings: name one \(measured:openvino:256x256:1, ",
        ),
        ([[timing(1)]] * 2, "measured:litert:1x1:1", r"no run was measured in 'litert:1x1:1' \(measured:openvino"),
        ([[timing(1)], [timing(1, processor="6502")]], "measured", r"on different processors: 6502, Z80"),
    ],
)
def test_what_can_not_be_compared_is_told(
    tmp_path: Path, timings: list[list[dict[str, Any]]], cost: str, message: str
) -> None:
    runs = [write(tmp_path / str(number), *of) for number, of in enumerate(timings)]
    with pytest.raises(InputError, match=message):
        compared(*runs, cost=cost)


def test_the_hypervolume_is_the_area_that_sampling_finds() -> None:
    points = [(2.0, 27.0), (5.0, 29.5), (3.0, 28.0), (4.0, 27.5), (9.0, 29.0)]
    low, high, floor = 1.0, 16.0, 26.5
    costs = [low * (high / low) ** ((number + 0.5) / 20_000) for number in range(20_000)]
    best = [max([psnr for cost, psnr in points if cost <= at], default=floor) for at in costs]
    mean = math.fsum(max(0.0, psnr - floor) for psnr in best) / len(best)
    assert hypervolume(points, low, high, floor) == pytest.approx(mean, abs=1e-3)
    front = [point for point, is_best in zip(points, on_front(points), strict=True) if is_best]
    assert hypervolume(front, low, high, floor) == hypervolume(points, low, high, floor)


def test_each_series_has_its_hypervolume_between_all_costs(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / str(bitops), psnr, bitops, fields={"regularizers.cost.weight": psnr})
        for bitops, psnr in ((1e9, 27.5), (4e9, 28.5))
    ]
    made = compare_runs(find_runs(runs))
    assert made.bicubic is not None
    assert made.hypervolumes == {
        name: pytest.approx(hypervolume([g.position for g in of], 1e9, 4e9, made.bicubic))
        for name, of in made.series.items()
    }
    assert sum(made.hypervolumes.values()) > 0
    assert compare_runs(find_runs(runs[:1])).hypervolumes == {}
