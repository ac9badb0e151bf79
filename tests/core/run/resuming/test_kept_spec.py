"""A run that began with an earlier version continues with today's as it began."""

import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
import yaml

from qnas.core.cli.main import invoke
from qnas.core.components import Quantizer, SearchState
from qnas.core.errors import InputError
from qnas.core.files.folder import RunFolder
from qnas.core.registry import hookimpl, listening
from qnas.core.run.deployment.found import load_found
from qnas.core.run.record import RunRecord
from qnas.core.run.resuming.kept_spec import identity, note_changes, refuse_other_spec
from qnas.core.run.resuming.stop import Interrupted, Stop
from qnas.core.run.run import run_spec
from qnas.core.settings import SPEC_VERSION
from qnas.core.spec import Spec, dump_spec, load_spec
from qnas.plugins.regularizers.penalties import L1
from qnas.quantizers.lsq import LSQ

BEFORE = Path(__file__).parents[3] / "runs_before"
STEPS = [3, 6, 9, 12]
END_THEN = {"search": 10.829690665275646, "train": 10.82389988651233}
"""The PSNR at the end of an old run that was never stopped, on another machine."""
LAST_CHECKPOINT = {"search": 4, "train": 7}


def trained(run: Path) -> list[tuple[int, float]]:
    """Step and PSNR of each validation of a run's training."""
    steps = [json.loads(line) for line in (run / "train" / "history.jsonl").read_text().splitlines()]
    return [(step["step"], step["psnr"]) for step in steps]


@pytest.mark.slow
@pytest.mark.parametrize("killed_in", END_THEN)
def test_a_run_that_version_1_began_goes_on_to_the_end_that_it_would_have_had(
    killed_in: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The final PSNR is at most a quarter as far from the old one as the PSNR that today's defaults lead to.

    Processors round differently, so the end of then can't be had exactly. Another processor than that of then, running
    the code of then or of today, ends 0.002 dB (search) and 0.000 dB (train) from it; today's defaults, of version 2,
    end 0.049 and 0.040 dB from it. So the end tells them apart on any machine, where a fixed tolerance around earlier
    steps does not: after 3 steps, rounding alone moved the PSNR by 0.011 dB. The loss can't tell either: today's
    defaults change it by less than 0.1 % in the search.
    """
    run, today = tmp_path / "run", tmp_path / "today"
    shutil.copytree(BEFORE / killed_in, run)
    spec = (run / "spec.yaml").read_text()
    assert "version" not in yaml.safe_load(spec)
    history = (run / killed_in / "history.jsonl").read_text()
    assert invoke(["run", str(BEFORE / f"{killed_in}.yaml"), "--out", str(run), "--resume"]) == 0
    assert "is not used" not in capsys.readouterr().err
    assert f"{killed_in} goes on behind step {LAST_CHECKPOINT[killed_in]}" in (run / "run.log").read_text()
    assert (run / killed_in / "history.jsonl").read_text().startswith(history)
    assert (run / "spec.yaml").read_text() == spec
    load_found(run, torch.device("cpu"))

    set_today = ["--set", "version=2", "--until", "train"]
    assert invoke(["run", str(BEFORE / f"{killed_in}.yaml"), "--out", str(today), *set_today]) == 0
    assert [step for step, _ in trained(run)] == [step for step, _ in trained(today)] == STEPS
    end, end_today = trained(run)[-1][1], trained(today)[-1][1]
    assert abs(end - END_THEN[killed_in]) < abs(end_today - END_THEN[killed_in]) / 4


class Growing(LSQ):
    """A quantizer as it was at first."""


class Pressing(L1):
    """A penalty as it was at first."""


def grown() -> list[type[Any]]:
    """The same, each with a new field that changes what it does."""

    class Growing(LSQ):
        earlier_defaults = {1: {"start": "published", "stages_of_later": "as before"}}

        start: Literal["least-error", "published"] = "published"  # LSQ's own defaults do not matter here
        stages_of_later: Literal["as before", "other"] = "other"

        def fake_quantizer(self, bits: int, *, signed: bool, channels: int | None = None) -> Any:
            if self.stages_of_later == "other":
                return Quantizer.of("pact").fake_quantizer(bits, signed=signed, channels=channels)
            return super().fake_quantizer(bits, signed=signed, channels=channels)

    class Pressing(L1):
        earlier_defaults = {1: {"factor": 1.0}}

        factor: float = 50.0

        def penalty(self, state: SearchState) -> Any:
            return self.factor * super().penalty(state)

    return [Growing, Pressing]


class StopAt:
    """Stops a run at a step of a stage."""

    def __init__(self, stage: str, step: int) -> None:
        self.at = (stage, step)
        self.stop = Stop()

    @hookimpl
    def qnas_step(self, stage: str, step: int) -> None:
        if (stage, step) == self.at:
            self.stop.ask(15)


@pytest.fixture
def of_then(tiny: Path, registered: Callable[..., str]) -> Path:
    """A spec of version 1 whose components have grown since."""
    registered(Growing)
    registered(Pressing)
    more = "version: 1\nquantizer: {train: growing}\nregularizers: {pressing: {weight: 0.1}}\n"
    tiny.write_text(tiny.read_text().replace("bits: [4, 8]", "bits: [4, 8]\n  operations: [native]") + more)
    return tiny


@pytest.mark.slow
@pytest.mark.parametrize(("stage", "step"), [("search", 3), ("train", 3), ("train", 6)])
def test_fields_that_come_later_change_nothing_for_a_run_that_began_before(
    stage: str, step: int, of_then: Path, tmp_path: Path, registered: Callable[..., str]
) -> None:
    whole, run = tmp_path / "whole", tmp_path / "run"
    with warnings.catch_warnings(action="ignore"):
        run_spec(load_spec(of_then), RunFolder(whole), until="evaluate")
        stopping = StopAt(stage, step)
        with pytest.raises(Interrupted), listening(stopping):
            run_spec(load_spec(of_then), RunFolder(run), stop=stopping.stop)
        for component in grown():
            registered(component)
        of_then.write_text(of_then.read_text().replace("version: 1\n", ""))  # the run knows its version
        assert load_spec(of_then).regularizers["pressing"].factor == 50
        assert invoke(["run", str(of_then), "--out", str(run), "--resume", "--until", "evaluate"]) == 0
    for file in ("spec.yaml", "model.safetensors", "search/history.jsonl", "train/history.jsonl"):
        assert (run / file).read_bytes() == (whole / file).read_bytes(), file


def test_a_finished_network_of_then_is_still_the_one_that_it_was(
    of_then: Path, tmp_path: Path, registered: Callable[..., str]
) -> None:
    with warnings.catch_warnings(action="ignore"):
        run_spec(load_spec(of_then), RunFolder(tmp_path / "run"), until="evaluate")
    for component in grown():
        registered(component)
    network = load_found(tmp_path / "run", torch.device("cpu")).network
    assert [type(module).__name__ for module in network.modules()].count("PACTFakeQuantizer") == 0


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "run")


def keep(folder: RunFolder, text: str) -> RunFolder:
    folder.write_text("spec.yaml", text)
    return folder


def spec_of(**fields: Any) -> Spec:
    return Spec.model_validate({"name": "run", **fields})


def test_compared_is_what_specs_stand_for(folder: RunFolder) -> None:
    keep(folder, "{name: run, space: {bits: [4, [8, 8]]}, quantizer: {train: lsq}, version: 1, train: {steps: 3e3}}")
    refuse_other_spec(spec_of(version=1), folder)
    refuse_other_spec(spec_of(version=1, train={"on_divergence": "lower-rate"}), folder)


def test_the_first_field_that_differs_is_named_with_both_values(folder: RunFolder) -> None:
    keep(folder, dump_spec(spec_of(seed=3)))
    with pytest.raises(InputError, match=r"run: the spec is not .* \(its spec\.yaml\): seed was 3 and is 0$"):
        refuse_other_spec(spec_of(scale=4), folder)


def test_a_spec_of_another_version_is_told_what_it_differs_by(
    of_then: Path, folder: RunFolder, registered: Callable[..., str]
) -> None:
    keep(folder, dump_spec(load_spec(of_then)))
    for component in grown():
        registered(component)
    refuse_other_spec(load_spec(of_then), folder)
    told = r"stages_of_later was as before and is other \(it is of version 1 of the spec, not 2\)$"
    with pytest.raises(InputError, match=told):
        refuse_other_spec(load_spec(of_then, ["version=2"]), folder)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{name: run, quantizer: {train: lqs}}", r"spec\.yaml:1:32: quantizer\.train: no quantizer is named 'lqs'"),
        ("{name: run, gone: 1, away: 2}", r"spec\.yaml:1:13: gone: unknown field .*$"),
        ("{name: run, version: 99}", r"spec\.yaml:1:22: version: was written by a newer qnas"),
        ("- name", r"spec\.yaml:1:1: a spec is a mapping of fields"),
        ("{", r"spec\.yaml:1:2: this is not valid YAML"),
    ],
)
def test_a_spec_that_can_not_be_read_any_more_is_told_in_one_line(text: str, told: str, folder: RunFolder) -> None:
    with pytest.raises(
        InputError, match=rf"run: the spec that this run began with can't be read any more: .*{told}"
    ) as e:
        refuse_other_spec(spec_of(), keep(folder, text))
    assert "\n" not in str(e.value)


def test_only_what_to_do_at_a_divergence_is_written_again(folder: RunFolder) -> None:
    text = "# as it was begun\nname: run\ntrain: {steps: 3000}\nsearch: {name: differentiable, on_divergence: stop}\n"
    keep(folder, text)
    before = identity(folder)
    note_changes(spec_of(version=1), keep(folder, text.replace("3000}", "3000, on_divergence: stop}")))
    assert folder.read_text("spec.yaml").startswith("# as it was begun")
    keep(folder, text)
    note_changes(spec_of(version=1, train={"on_divergence": "lower-rate"}), folder)
    assert yaml.safe_load(folder.read_text("spec.yaml")) == {
        "name": "run",
        "train": {"steps": 3000, "on_divergence": "lower-rate"},
        "search": {"name": "differentiable", "on_divergence": "stop"},
    }
    assert identity(folder) == before


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("name: run", 1),
        ("{name: run, data: {degradation: matlab}}", 1),
        ("{name: run, data: {patch: 24}}", 0),
        ("{name: run, version: 2, data: {patch: 24}}", 2),
        ("{name: run, version: 99}", SPEC_VERSION),
        ("{name: run, version: x}", SPEC_VERSION),
        ("{", SPEC_VERSION),
    ],
)
def test_the_version_of_a_run(text: str, version: int, folder: RunFolder) -> None:
    assert RunRecord(folder).spec_version == SPEC_VERSION
    assert RunRecord(keep(folder, text)).spec_version == version
