"""A profile in a runtime of the tests' own, whose networks take as long as a formula says."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
from torch import nn

from qnas.core.components import Cost, Quantizer, Space, Target
from qnas.core.deploy.profiling import measuring
from qnas.core.deploy.profiling.measuring import Profile, profile
from qnas.core.deploy.profiling.table import read_table
from qnas.core.deploy.timing import time_in_turn
from qnas.core.errors import InputError, QnasError
from qnas.core.network import build_found, count_choices, leaders, slot_candidates
from qnas.core.network.convolution import QuantizedConv2d
from qnas.core.network.sharing import draw_network

LSQ = Quantizer.of("lsq")
SPACE = {
    "name": "skeleton",
    "channels": 4,
    "body": ["residual"],
    "bits": [4, 8],
    "operations": ["conv1x1", "conv3x3"],
}


def seconds_of(network: nn.Module) -> float:
    """5 ms, and for each convolution its weights in microseconds, half as much at 4 bits."""
    layers = [module for module in network.modules() if isinstance(module, QuantizedConv2d)]
    return 5e-3 + 1e-6 * sum(layer.weight.numel() * (0.5 if layer.widths.weight == 4 else 1) for layer in layers)


class Machine:
    """A clock that running networks put forward, on a machine that becomes slower all the time."""

    def __init__(self) -> None:
        self.now = self.drift = 0.0
        self.loaded = 0

    def __call__(self) -> float:
        return self.now


class Formula(Target):
    """Runs nothing, and takes as long as the formula says."""

    suffix: ClassVar = ".json"
    machine: ClassVar[Machine]
    fails: bool = False

    def write(self, program: Any, path: Path) -> None:
        path.write_text(json.dumps(seconds_of(program)))

    def load(self, path: Path, threads: int = 0) -> Callable[[Any], Any]:
        seconds = json.loads(path.read_text())
        self.machine.loaded += 1

        def run(lr: Any) -> Any:
            if self.fails:
                raise RuntimeError("no kernel\nfor this")
            self.machine.now += seconds * (1 + self.machine.drift)
            return lr

        return run


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Networks are timed by its clock, and reach the target as they are."""
    made = Machine()
    monkeypatch.setattr(Formula, "machine", made, raising=False)
    monkeypatch.setattr("qnas.core.deploy.timing.SETTLE", 0)
    monkeypatch.setattr(
        measuring,
        "time_in_turn",
        lambda calls, rounds, report: time_in_turn(calls, rounds, clock=made, report=report),
    )
    monkeypatch.setattr(measuring, "lowered_for", lambda network, *_: SimpleNamespace(program=network))
    return made


@pytest.fixture
def formula(registered: Callable[..., str]) -> Target:
    return Target.of(registered(Formula))


def asked(target: Target, space: dict[str, Any] = SPACE, **changed: Any) -> Profile:
    fields = {"threads": 1, "size": (24, 20), "scale": 2, "between": None}
    return profile(Space.of(space), LSQ, target, **{**fields, **changed})


def test_the_table_prices_every_network_as_the_formula_does(formula: Target, tmp_path: Path, machine: Machine) -> None:
    table = asked(formula).measure(tmp_path / "table.json")
    cost = Cost.of({"name": "latency", "table": str(tmp_path / "table.json")})
    space, random = Space.of(SPACE), np.random.default_rng(5)
    candidates = slot_candidates(space, 2)
    shared = leaders(space, candidates)
    for _ in range(10):
        chosen = draw_network(shared, candidates, random)
        nanoseconds = 1e9 * seconds_of(build_found(space, 2, chosen, LSQ))
        assert count_choices(space, 2, chosen, LSQ).total(cost) == pytest.approx(nanoseconds, rel=2e-3)
    assert table.fit is not None and table.fit.error < 2e-3
    assert len(table.networks) == table.planned == machine.loaded - 1  # and the reference


def test_a_machine_that_becomes_slower_is_the_same_machine(formula: Target, tmp_path: Path, machine: Machine) -> None:
    steady = asked(formula).measure(tmp_path / "steady.json")

    def slower(done: float, total: int) -> None:
        machine.drift = round(done // 6) * 0.2  # from batch to batch

    drifting = asked(formula).measure(tmp_path / "drifting.json", report=slower)
    constant, middle = steady.fit.constant, 1 + 0.2 * ((steady.planned - 1) // 6) / 2
    assert drifting.fit.constant == pytest.approx(constant * middle, rel=0.15)
    for name, nanoseconds in steady.fit.candidates.items():
        scaled = drifting.fit.candidates[name] * constant / drifting.fit.constant
        assert scaled == pytest.approx(nanoseconds, abs=2e-3 * constant)


def test_what_is_measured_is_kept_and_not_measured_again(formula: Target, tmp_path: Path, machine: Machine) -> None:
    path, told = tmp_path / "table.json", list[tuple[float, int]]()

    def stop(done: float, total: int) -> None:
        told.append((done, total))
        if done > 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        asked(formula).measure(path, report=stop)
    half = read_table(path)
    assert len(half.networks) == 6 and half.fit is None
    cost = Cost.of({"name": "latency", "table": str(path)})
    with pytest.raises(InputError, match="is not finished: the same qnas profile goes on with it"):
        count_choices(Space.of(SPACE), 2, asked(formula)._networks[0], LSQ).total(cost)
    before = machine.loaded
    told.clear()
    whole = asked(formula).measure(path, report=lambda *now: told.append(now))
    assert list(whole.networks[:6]) == list(half.networks)
    assert machine.loaded - before < whole.planned
    assert told == sorted(told) and told[-1] == (whole.planned - 6, whole.planned - 6)
    finished = path.read_bytes()
    asked(formula).measure(path)
    assert path.read_bytes() == finished


def test_a_table_of_something_else_is_not_gone_on_with(formula: Target, tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    asked(formula).measure(path)
    with pytest.raises(InputError, match="has measurements with threads 1, not 2: name another file with -o"):
        asked(formula, threads=2).measure(path)
    with pytest.raises(InputError, match="has measurements of another space"):
        asked(formula, {**SPACE, "operations": ["conv3x3"]}).measure(path)
    path.write_text("[]")
    with pytest.raises(InputError, match="is no table of latencies, as qnas profile writes them"):
        asked(formula).measure(path)


def test_slots_that_share_a_choice_have_the_same_in_every_network(formula: Target, tmp_path: Path) -> None:
    space = {**SPACE, "body": ["residual", "residual"], "shared": ["body.*"]}
    made = asked(formula, space)
    for chosen in made._networks:
        assert len({chosen[path] for path in chosen if path.startswith("body") and path.endswith("0")}) <= 2
    made.measure(tmp_path / "table.json")
    cost = Cost.of({"name": "latency", "table": str(tmp_path / "table.json")})
    chosen = made._networks[-1]
    expected = 1e9 * seconds_of(build_found(Space.of(space), 2, chosen, LSQ))
    assert count_choices(Space.of(space), 2, chosen, LSQ).total(cost) == pytest.approx(expected, rel=5e-3)


def test_a_space_with_one_network_has_a_constant_alone(formula: Target, tmp_path: Path) -> None:
    space = {**SPACE, "operations": ["conv3x3"], "bits": [8]}
    table = asked(formula, space).measure(tmp_path / "table.json")
    assert table.planned == 1 and table.fit.error is None
    cost = Cost.of({"name": "latency", "table": str(tmp_path / "table.json")})
    chosen = {path: options[0] for path, options in slot_candidates(Space.of(space), 2).items()}
    expected = 1e9 * seconds_of(build_found(Space.of(space), 2, chosen, LSQ))
    assert count_choices(Space.of(space), 2, chosen, LSQ).total(cost) == pytest.approx(expected, rel=1e-3)


def test_a_runtime_that_fails_is_named(registered: Callable[..., str], tmp_path: Path) -> None:
    broken = Target.of({"name": registered(Formula), "fails": True})
    with pytest.raises(QnasError, match=r"^'formula' fails on an image of 20 x 24: RuntimeError: no kernel$"):
        asked(broken).measure(tmp_path / "table.json")
    assert not (tmp_path / "table.json").exists()


def test_a_target_that_is_elsewhere_can_not_be_timed() -> None:
    with pytest.raises(InputError, match="'tensorrt' can't be timed: ONNX Runtime runs its files here"):
        asked(Target.of("tensorrt"))
