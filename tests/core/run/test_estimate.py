"""The estimate of a run's time and memory is measured on little, however large the run is."""

from pathlib import Path

import pytest
import torch

from qnas.core.run import estimate
from qnas.core.spec import Spec, read_spec
from qnas.core.training.machine import Machine

CPU = Machine(torch.device("cpu"))
STEPS = 6  # of both loops, as in the small spec


def linear(monkeypatch: pytest.MonkeyPatch, seconds: float) -> list[int]:
    """Make a step take this long and 100 bytes per pixel; returns the pixels of all measurements."""
    measured: list[int] = []

    def step(machine: Machine, run: object, batch: int, side: int) -> tuple[float, int]:
        measured.append(batch * side**2)
        return seconds * measured[-1], 100 * measured[-1]

    monkeypatch.setattr(estimate, "_step", step)
    return measured


def spec_of(tiny: Path, batch: int, patch: int) -> Spec:
    return read_spec(tiny, [f"search.batch={batch}", f"train.batch={batch}", f"data.patch={patch}"]).spec


@pytest.mark.parametrize(("batch", "patch"), [(10**7, 8), (2, 10**4), (10**7, 10**4), (1, 300)])
def test_much_is_measured_on_little_and_comes_out_as_much(
    batch: int, patch: int, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = linear(monkeypatch, 1e-4)
    expected = estimate.estimate(spec_of(tiny, batch, patch), CPU)
    assert max(measured) <= 2 * 128**2
    assert expected.train_seconds == pytest.approx(1e-4 * batch * patch**2 * STEPS)
    assert expected.search_seconds == pytest.approx(2 * expected.train_seconds)
    parameters = 1e7
    assert expected.memory_bytes == pytest.approx(100 * batch * patch**2, rel=1e-6, abs=parameters)


def test_little_is_measured_as_it_is(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = linear(monkeypatch, 1e-9)
    estimate.estimate(spec_of(tiny, 5, 200), CPU)
    assert max(measured) == 5 * 200**2


def test_it_really_measures(tiny: Path) -> None:
    expected = estimate.estimate(spec_of(tiny, 3, 16), CPU)
    assert expected.search_seconds > 0
    assert expected.train_seconds > 0
    assert expected.memory_bytes > 3 * 3 * 16**2 * 4


def test_baselines_and_the_tuning_at_the_end_of_the_search_are_counted(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    linear(monkeypatch, 1e-4)
    step, batch, patch = 1e-4 * 10**7 * 8**2, 10**7, 8
    plain = spec_of(tiny, batch, patch)
    assert estimate.estimate(plain, CPU).baselines_seconds == 0
    sizes = [f"search.batch={batch}", f"train.batch={batch}", f"data.patch={patch}"]
    spec = read_spec(tiny, [*sizes, "baselines=[float, uniform]", "train.float_steps=4", "search.tuning=5"]).spec
    expected = estimate.estimate(spec, CPU)
    assert expected.train_seconds == pytest.approx(step * (4 + STEPS))
    assert expected.baselines_seconds == pytest.approx(step * 2 * STEPS)  # of 4 and of 8 bits
    networks = 3  # the found one, a uniform one and a mix
    assert expected.search_seconds == pytest.approx(step * (2 * STEPS + networks * 5))
