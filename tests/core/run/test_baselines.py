"""Networks that are trained beside the found one, by the same protocol."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file, save_file

from qnas.core.cli.main import invoke
from qnas.core.cli.terminal.summary import print_summary
from qnas.core.comparison import compare_runs, find_runs
from qnas.core.components import Space
from qnas.core.drawing.wording import signed
from qnas.core.errors import InputError
from qnas.core.files.folder import RunFolder
from qnas.core.images.loading import load_images
from qnas.core.network import build_original
from qnas.core.registry import hookimpl, listening
from qnas.core.run.names import FLOAT_WEIGHTS, MODEL, SUPERNET
from qnas.core.run.record import RunRecord
from qnas.core.run.resuming.stop import Interrupted, Stop
from qnas.core.run.run import run_spec
from qnas.core.run.stages.baselines import uniform_baselines
from qnas.core.run.stages.planned import planned_steps
from qnas.core.search.outcome import SearchOutcome
from qnas.core.search.searcher import Searcher
from qnas.core.search.task import SearchTask
from qnas.core.spec import Spec, read_spec
from qnas.core.upscale.scoring import validate

from .test_resume import assert_identical

SPACE = {
    "name": "skeleton",
    "channels": 4,
    "body": ["residual"],
    "operations": ["native", "conv1x1"],
    "bits": [2, 4, 8],
}
STEPS = 4


class Given(Searcher):
    """Finds the network that it is told to.

    Attributes:
        first: Bits of the first slot.
        others: Bits of the other slots.
        operation: In all slots.
    """

    first: int = 8
    others: int = 4
    operation: str = "native"

    def search(self, task: SearchTask) -> SearchOutcome:
        bits = {path: self.others if number else self.first for number, path in enumerate(task.candidates)}
        chosen = {
            path: next(
                one for one in of_slot if (one.operation.known_as, one.widths) == (self.operation, (bits[path],) * 2)
            )
            for path, of_slot in task.candidates.items()
        }
        found = task.architecture(chosen)
        return SearchOutcome(found, found)

    def planned_steps(self) -> int:
        return 0


@pytest.fixture(autouse=True)
def given(registered: Callable[..., str]) -> None:
    registered(Given)


@pytest.fixture
def file(tiny: Path) -> Path:
    """A spec that finds 8 bits in the first slot and 4 in the others, and has both baselines."""
    spec = read_spec(tiny).spec.model_dump(mode="json", include={"data", "scale"})
    fields = {"name": "small", **spec, "space": SPACE, "search": {"name": "given"}}
    fields |= {"train": {"steps": STEPS, "batch": 2, "validations": 2}, "baselines": ["float", "uniform"]}
    tiny.write_text(json.dumps(fields))
    return tiny


def spec_of(file: Path, *overrides: str) -> Spec:
    return read_spec(file, overrides).spec


def done(spec: Spec, path: Path) -> RunRecord:
    run_spec(spec, RunFolder(path))
    return RunRecord(RunFolder(path))


def weights(record: RunRecord, name: str = MODEL) -> Mapping[str, torch.Tensor]:
    return record.folder.read_tensors(name)


def assert_equal(ours: Mapping[str, torch.Tensor], theirs: Mapping[str, torch.Tensor]) -> None:
    assert set(ours) == set(theirs)
    assert [name for name in theirs if not torch.equal(ours[name], theirs[name])] == []


def uniform_by_itself(file: Path, path: Path, bits: int, *overrides: str) -> RunRecord:
    """A run of a space that has nothing but the uniform network."""
    space = json.dumps({**SPACE, "operations": ["native"], "bits": [bits]})
    return done(spec_of(file, f"space={space}", "baselines=[]", *overrides), path)


class Heard:
    """What plugins hear of the stage."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self.steps: list[tuple[int, str]] = []
        self.totals: set[int] = set()

    @hookimpl
    def qnas_stage_began(self, stage: str) -> None:
        self.began.append(stage)

    @hookimpl
    def qnas_step(self, stage: str, step: int, metrics: Mapping[str, Any]) -> None:
        if stage == "baselines":
            self.steps.append((step, metrics["baseline"]))
            self.totals |= {metrics["of"]} if "of" in metrics else set()


@pytest.mark.slow
def test_they_are_trained_like_the_found_network_and_do_not_change_it(file: Path, tmp_path: Path) -> None:
    spec, heard = spec_of(file), Heard()
    with listening(heard):
        record = done(spec, tmp_path / "run")
    assert heard.began == ["data", "search", "derive", "float", "train", "evaluate", "baselines", "report"]
    trained = [(step, what) for step, what in dict.fromkeys(heard.steps) if what.endswith("train")]
    assert trained == [
        *((step, "uniform 8, train") for step in range(1, STEPS + 1)),
        *((step, "uniform 4, train") for step in range(STEPS + 1, 2 * STEPS + 1)),
    ]
    assert {planned_steps(spec, "baselines")} == heard.totals == {2 * STEPS}
    result = record.result
    assert list(result["baselines"]) == ["float", "uniform 8", "uniform 4"]
    assert result["uniform_at_cost"] == "uniform 4"
    costs = [result["baselines"][name]["bitops"]["32x32"] for name in ("float", "uniform 8", "uniform 4")]
    assert costs == sorted(costs, reverse=True)
    assert costs[0] == 32 * 32 * result["macs"]["32x32"]
    assert costs[1] > result["bitops"]["32x32"] > costs[2]
    for bits in (8, 4):
        entry = result["baselines"][f"uniform {bits}"]
        child = RunRecord(RunFolder(record.path / entry["folder"]))
        assert {(choice.weight_bits, choice.activation_bits) for choice in child.architecture.slots.values()} == {
            (bits, bits)
        }
        alone = uniform_by_itself(file, tmp_path / f"alone-{bits}", bits)
        assert_equal(weights(child), weights(alone))
        assert entry["test"] == child.result["test"] == alone.result["test"]
        assert entry["size"] == alone.result["size"]
    without = done(spec_of(file, "baselines=[]"), tmp_path / "without")
    assert (record.path / MODEL).read_bytes() == (without.path / MODEL).read_bytes()
    assert "baselines" not in without.result


@pytest.mark.slow
def test_each_is_a_run_like_any_other(file: Path, tmp_path: Path) -> None:
    limited = spec_of(file, "baselines=[uniform]", "limits={bitops: 40M}")
    record = done(limited, tmp_path / "run")
    child = RunRecord(RunFolder(record.path / "baselines" / "uniform-8"))
    assert child.ended == ["search", "derive", "train", "evaluate", "report"]
    assert child.page == child.path / "report.html"
    spec = child.spec
    assert (spec.name, spec.baselines, spec.limits, spec.exported_to) == ("small-uniform-8", (), {}, ())
    assert (spec.train, spec.seed, spec.data) == (limited.train, limited.seed, limited.data)
    assert child.folder.read_json("parent.json") == {"name": "small", "folder": "../..", "baseline": "uniform 8"}
    assert child.environment == record.environment
    run_spec(spec, child.folder, resume=True)
    found = find_runs([record.path, *(record.path / "baselines").glob("*")])
    names = ["small", "small-uniform-4", "small-uniform-8"]
    assert sorted(run.name for run in found.runs) == names
    assert found.left_out == ()
    comparison = compare_runs(found)
    assert sorted(group.label for group in comparison.groups) == names
    assert not [notice for notice in comparison.notices if "seed" in notice]
    assert [run.name for run in find_runs([record.path]).runs] == ["small"]


@pytest.mark.slow
def test_the_float_network_is_the_one_that_is_trained_already(file: Path, tmp_path: Path) -> None:
    heard = Heard()
    with listening(heard):
        record = done(spec_of(file, "train.start=float"), tmp_path / "run")
    assert heard.began.count("float") == 1
    assert heard.totals == {2 * STEPS}
    assert not [what for _, what in heard.steps if what.endswith(", float")]
    child = RunRecord(RunFolder(record.path / "baselines" / "uniform-8"))
    alone = uniform_by_itself(file, tmp_path / "alone", 8, "train.start=float")
    for name in (FLOAT_WEIGHTS, MODEL):
        assert_equal(weights(child, name), weights(alone, name))
    assert_equal(weights(record, FLOAT_WEIGHTS), weights(alone, FLOAT_WEIGHTS))


@pytest.mark.slow
def test_with_other_operations_a_uniform_network_has_its_own_in_float(file: Path, tmp_path: Path) -> None:
    overrides = ("train.start=float", "space.bits=[8]", "search={name: given, others: 8, operation: conv1x1}")
    heard = Heard()
    with listening(heard):
        record = done(spec_of(file, *overrides), tmp_path / "run")
    child = RunRecord(RunFolder(record.path / "baselines" / "uniform-8"))
    alone = uniform_by_itself(file, tmp_path / "alone", 8, "train.start=float")
    assert_equal(weights(child), weights(alone))
    assert weights(record, FLOAT_WEIGHTS).keys() == weights(child, FLOAT_WEIGHTS).keys()
    assert record.result["uniform_at_cost"] is None
    own = ("float", "train")
    trained = [of for of in dict.fromkeys(heard.steps) if of[1].endswith(own)]
    assert trained == [(step, f"uniform 8, {own[step > STEPS]}") for step in range(1, 2 * STEPS + 1)]


@pytest.mark.slow
def test_from_a_supernet_each_starts_from_what_it_left(file: Path, tmp_path: Path) -> None:
    search = "search={steps: 2, epochs: 1, batch: 2, tuning: 0}"
    hardly = ("train.start=supernet", "train.learning_rate=1e-30", "space.operations=[native]", "space.bits=[4, 8]")
    record = done(spec_of(file, search, "baselines=[uniform]", *hardly), tmp_path / "run")
    supernet = record.folder.read_tensors(SUPERNET)
    child = RunRecord(RunFolder(record.path / "baselines" / "uniform-8"))
    if not child.has_begun:  # it was found
        child = record
    assert child.result["discretization_gap_db"] is not None
    (body,) = [value for name, value in supernet.items() if re.fullmatch(r"network\.head\.0\..*weight", name)]
    trained = weights(child)["head.0.operation.weight"]
    torch.testing.assert_close(trained, body.reshape(trained.shape), rtol=0, atol=1e-12)


class Stopping:
    """Asks a run to stop at every second step of baselines."""

    def __init__(self) -> None:
        self.stop = Stop()
        self.resumed: list[int] = []

    @hookimpl
    def qnas_step(self, stage: str, step: int) -> None:
        if stage == "baselines" and step and step % 2 == 0 and self.stop.signal is None and self.stop.is_heeded:
            self.stop.ask(15)

    @hookimpl
    def qnas_stage_resumed(self, stage: str, step: int) -> None:
        self.resumed.append(step)


@pytest.mark.slow
def test_one_that_was_stopped_goes_on_to_the_same_bytes(file: Path, tmp_path: Path) -> None:
    spec, stopping, said = spec_of(file), Stopping(), []
    done(spec, tmp_path / "whole")
    pieces = tmp_path / "pieces"
    with listening(stopping):
        for _ in range(10):
            stopping.stop = Stop()
            try:
                run_spec(spec, RunFolder(pieces), resume=pieces.exists(), stop=stopping.stop)
                break
            except Interrupted as error:
                said.append(str(error))
    assert said == [
        f"uniform {bits}: stopped after step {step} of the train stage, which is kept"
        for bits in (8, 4)
        for step in (2, 4)
    ]
    assert set(stopping.resumed) == {2, 4, 6, 8}
    assert_identical(pieces, tmp_path / "whole")


@pytest.mark.slow
def test_what_a_killed_process_left_half_made_is_removed(file: Path, tmp_path: Path) -> None:
    spec, folder = spec_of(file, "baselines=[uniform]"), RunFolder(tmp_path / "run")
    run_spec(spec, folder, until="evaluate")
    left = folder.path / "baselines" / ".uniform-8.1"
    left.mkdir(parents=True)
    (left / "spec.yaml").write_text("name")
    run_spec(spec, folder, resume=True)
    assert sorted(path.name for path in left.parent.iterdir()) == ["result.json", "uniform-4", "uniform-8"]


def test_a_baseline_of_another_spec_is_refused(file: Path, tmp_path: Path) -> None:
    spec, folder = spec_of(file, "baselines=[uniform]"), RunFolder(tmp_path / "run")
    run_spec(spec, folder, until="evaluate")
    other = RunFolder(folder.path / "baselines" / "uniform-8")
    run_spec(spec_of(file, "baselines=[]"), other, until="search")
    with pytest.raises(InputError, match=r"uniform 8: .*the spec is not the one that this run began with"):
        run_spec(spec, folder, resume=True)


@pytest.fixture
def candidates(file: Path) -> Callable[..., tuple[Spec, Mapping[str, Any]]]:
    def make(search: str, *overrides: str) -> tuple[Spec, Mapping[str, Any]]:
        """A spec, and the candidates that its search finds."""
        folder = RunFolder(file.with_name("found"))
        spec = spec_of(file, f"search={search}", *overrides)
        run_spec(spec, folder, until="search")
        return spec, RunRecord(folder).architecture.candidates()

    return make


@pytest.mark.parametrize(
    ("search", "overrides", "names", "at_cost"),
    [
        ("{name: given}", (), ["uniform 8", "uniform 4"], "uniform 4"),
        ("{name: given, first: 2, others: 2, operation: conv1x1}", (), ["uniform 8"], None),
        ("{name: given, others: 8}", (), ["uniform 8"], "uniform 8"),
        ("{name: given, first: 2, others: 2}", (), ["uniform 8", "uniform 2"], "uniform 2"),
        ("{name: given, first: 2, others: 2}", ("limits={bitops: 1T}",), ["uniform 8"], "uniform 8"),
    ],
)
def test_they_are_the_widest_and_the_widest_at_this_cost(
    search: str, overrides: tuple[str, ...], names: list[str], at_cost: str | None, candidates: Callable[..., Any]
) -> None:
    spec, found = candidates(search, *overrides)
    uniform = uniform_baselines(spec, found)
    assert list(uniform.networks) == names
    assert uniform.at_cost == at_cost


def test_what_was_found_is_not_trained_again_but_named(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    overrides = ("--set", "search.others=8", "--set", "baselines=[uniform]")
    assert invoke(["run", str(file), "--out", str(tmp_path / "run"), *overrides]) == 0
    record = RunRecord(RunFolder(tmp_path / "run"))
    entry = record.result["baselines"]["uniform 8"]
    assert entry["is_found"]
    assert entry["test"] == record.result["test"]
    assert not [path for path in (record.path / "baselines").iterdir() if path.is_dir()]
    shown = capsys.readouterr().out
    assert "found, which is uniform 8 (at this cost)" in shown
    assert "the search gained nothing: it found uniform 8 (at this cost)" in shown


def lines_with(text: str, words: str) -> Iterator[str]:
    return (line for line in text.splitlines() if words in line)


def test_the_terminal_says_what_quantization_cost_and_what_the_search_gained(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoke(["run", str(file), "--out", str(tmp_path / "run")]) == 0
    told = capsys.readouterr()
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    psnr = {name: of["test"]["leaves"]["psnr_y"] for name, of in result["baselines"].items()}
    found = result["test"]["leaves"]["psnr_y"]
    for name in ("float", "uniform 8", "uniform 4 (at this cost)"):
        (row,) = lines_with(told.out, f"{name}  ")
        assert f"{psnr[name.removesuffix(' (at this cost)')]:.2f} dB" in row
    for words, change in (
        ("quantization cost ", psnr["float"] - found),
        ("the search gained ", found - psnr["uniform 4"]),
    ):
        (sentence,) = lines_with(told.out, words)
        shown = re.search(r"([+\N{MINUS SIGN}]?[0-9.]+) dB on leaves", sentence)
        assert shown is not None
        assert float(shown[1].replace("\N{MINUS SIGN}", "-")) == pytest.approx(change, abs=0.0051)
    assert any(lines_with(told.err, f"baselines {STEPS}/{2 * STEPS}  uniform 8, train  loss "))
    page = (tmp_path / "run" / "report.html").read_text()
    assert '<a href="baselines/uniform-4/report.html">uniform 4 (at this cost)</a>' in page
    log = (tmp_path / "run" / "run.log").read_text()
    assert f"baselines (uniform 8, train) validated after step {STEPS}: " in log


@pytest.fixture
def warm(file: Path) -> Callable[..., Spec]:
    """A spec on a space with weights, whose network as it was given is a baseline."""
    torch.manual_seed(0)
    network = build_original(Space.of(SPACE), 2)
    path = file.with_name("given.safetensors")
    save_file(network.state_dict(), path)

    def make(*overrides: str, **fields: object) -> Spec:
        space = json.dumps({**SPACE, "weights": str(path), "others": "fresh", **fields})
        return spec_of(file, f"space={space}", "baselines=[given]", *overrides)

    return make


def test_the_network_is_judged_as_it_was_given(
    warm: Callable[..., Spec], file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = warm()
    result = done(spec, tmp_path / "run").result
    assert not spec.needs_float
    network = build_original(Space.of(SPACE), 2)
    network.load_state_dict(load_file(file.with_name("given.safetensors")))
    test = load_images(spec.data.test["leaves"], 2, spec.data.degradation)
    expected, _ = validate(network.eval(), test, 2, torch.device("cpu"))
    given = result["baselines"]["given"]
    assert given["test"]["leaves"]["psnr_y"] == pytest.approx(expected, abs=1e-6)
    assert given["macs"] == result["macs"]
    assert given["bitops"]["32x32"] > result["bitops"]["32x32"]
    print_summary(result, RunFolder(tmp_path / "run"))
    (sentence,) = lines_with(capsys.readouterr().out, "from the network as it was given to the one that was found: ")
    assert sentence.endswith(f"{signed(result['test']['leaves']['psnr_y'] - expected)} dB on leaves")


def test_a_given_network_that_is_not_in_the_space_states_no_costs(
    warm: Callable[..., Spec], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = warm("search={name: given, operation: conv1x1}", operations=["conv1x1", "conv5x5"])
    result = done(spec, tmp_path / "run").result
    assert result["baselines"]["given"].keys() == {"test"}
    print_summary(result, RunFolder(tmp_path / "run"))
    (row,) = lines_with(capsys.readouterr().out, "given  ")
    assert row.split()[-1] == "-"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("baselines=[uniform, float, uniform]", "names 'uniform' twice"),
        ("baselines=[quantized]", "baselines.0: must be 'given', 'float' or 'uniform' (got 'quantized')"),
        ("baselines=[float, given]", "the space has no weights to judge: leave it out, or let 'weights' name a file"),
    ],
)
def test_mistakes_are_refused(override: str, message: str, file: Path) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        spec_of(file, override)


def test_a_space_without_uniform_networks_has_no_such_baseline(file: Path) -> None:
    space = json.dumps({**SPACE, "operations": ["conv1x1", "conv5x5"]})
    with pytest.raises(InputError, match="the space has no uniform network of native operations: leave it out"):
        spec_of(file, f"space={space}")
    assert spec_of(file, f"space={space}", "baselines=[float]").needs_float


def test_steps_in_float_may_be_stated_for_the_baseline(file: Path) -> None:
    assert planned_steps(spec_of(file, "train.float_steps=7"), "float") == 7
    with pytest.raises((InputError, ValidationError), match="nothing is trained in float"):
        spec_of(file, "train.float_steps=7", "baselines=[uniform]")
