"""Several processes do what one does: the same steps, the same run, and one line when one of them is gone."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.conftest import TINY
from tests.plugins.launchers.same_runs import run_files

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")]

HERE = Path(__file__).parent
QNAS = ("-m", "qnas")
OPTIONS = ("--until", "train", "--checkpoint-every", "0")
LONG = ("--set", "search.steps=40", "--set", "train.steps=30", *OPTIONS)
EXACT = 1e-9
QNAS_SAFE = (sys.executable, "-P", "-m", "qnas")
DIVERGING = """
from typing import ClassVar

import qnas


class Once(qnas.Loss):
    calls: ClassVar[int] = 0

    def measure(self, enlarged, target):
        Once.calls += 1
        loss = (enlarged - target).abs().mean()
        return loss * float("nan") if Once.calls == 16 else loss


@qnas.hookimpl
def qnas_register_losses(register):
    register("once", Once, "Not finite once")
"""


def python(*arguments: str, here: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    line = [sys.executable, *arguments]
    return subprocess.run(line, check=False, cwd=here, env=environment, capture_output=True, text=True)


def torchrun(processes: int, *arguments: str, here: Path | None = None) -> subprocess.CompletedProcess[str]:
    options = ("--standalone", "--nproc-per-node", str(processes))
    return python("-m", "torch.distributed.run", *options, *arguments, here=here)


def succeeds(ended: subprocess.CompletedProcess[str]) -> None:
    assert ended.returncode == 0, ended.stderr


@pytest.fixture
def here(tiny: Path) -> Path:
    return tiny.parent


@pytest.mark.parametrize("processes", [2, 3])
def test_a_step_is_that_of_one_process(processes: int, tmp_path: Path) -> None:
    """With Batch Norm, noise, and scales that are measured in the batch, in float64."""
    script = str(HERE / "one_step.py")
    succeeds(python(script, str(tmp_path / "one.pt")))
    succeeds(torchrun(processes, script, str(tmp_path / "all.pt")))
    one, together = torch.load(tmp_path / "one.pt"), torch.load(tmp_path / "all.pt")
    assert len(one) > 20
    for name, tensors in one.items():
        torch.testing.assert_close(
            together[name], tensors, rtol=EXACT, atol=EXACT, msg=lambda said, n=name: f"{n}: {said}"
        )


@pytest.mark.parametrize(
    "fields",
    [
        ["quantizer.search=noise", "space.residual=adq"],
        pytest.param(["quantizer.search=lsq", "search.update=joint"], marks=pytest.mark.thorough),
        pytest.param(["search.front=2", "quantizer.search=nipq", "quantizer.train=hwgq"], marks=pytest.mark.thorough),
    ],
)
def test_a_run_is_that_of_one_process(fields: list[str], here: Path) -> None:
    """20 steps of a search and of a training, in float64: rounding errors of float32 grow where values are rounded."""
    script = str(HERE / "in_double.py")
    long = ["search.steps=20", "search.epochs=2", "search.batch=4", "train.steps=20", "train.batch=4"]
    options = [part for field in (*long, *fields) for part in ("--set", field)]
    run = (script, "run", "spec.yaml", *OPTIONS, *options, "--out")
    succeeds(python(*run, "one", here=here))
    succeeds(torchrun(2, *run, "two", here=here))
    assert (here / "one/architecture.json").read_text() == (here / "two/architecture.json").read_text()
    for file in ("search/supernet.safetensors", "train/last.safetensors", "model.safetensors"):
        found, expected = load_file(here / "two" / file), load_file(here / "one" / file)
        torch.testing.assert_close(found, expected, rtol=EXACT, atol=EXACT)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run by two processes that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "spec.yaml").write_text(TINY)
    succeeds(python(*QNAS, "run", "spec.yaml", "--out", "run", "--processes", "2", *LONG, here=folder))
    return folder / "run"


@pytest.mark.parametrize("rank", [0, pytest.param(1, marks=pytest.mark.thorough)])
def test_a_run_that_lost_a_process_ends_in_a_line_and_resumes_to_the_same_bytes(
    rank: int, here: Path, whole: Path
) -> None:
    moment = random.Random().uniform(0, 3)
    with started("--out", "killed", *LONG, here=here) as process:
        wait_for(here / "killed/search/history.jsonl")
        time.sleep(moment)
        os.kill(children_of(process.pid)[rank], signal.SIGKILL)
        began = time.monotonic()
        _, told = process.communicate(timeout=60)
    assert time.monotonic() - began < 30
    assert process.returncode == 1
    *_, line = told.splitlines()
    assert re.match(f"process {rank} of 2 was killed by SIGKILL; go on with: qnas run .*--processes 2.*--resume$", line)
    assert "Traceback" not in told
    succeeds(python(*QNAS, "run", "spec.yaml", "--out", "killed", "--processes", "2", *LONG, "--resume", here=here))
    assert run_files(here / "killed") == run_files(whole), moment


def test_a_run_that_is_stopped_says_how_to_go_on(here: Path) -> None:
    with started("--out", "run", *LONG, here=here) as process:
        wait_for(here / "run/search/history.jsonl")
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert re.search(
        r"stopped after step \d+ of the \w+ stage, which is kept; go on with: qnas run .*--resume$", told.strip()
    )
    alone = python(*QNAS, "run", "spec.yaml", "--out", "run", "--resume", *LONG, here=here)
    succeeds(alone)
    assert "processes was 2 and is 1; it goes on, but need not end with the same bytes" in alone.stderr


def test_all_go_back_where_the_loss_is_not_finite(here: Path) -> None:
    """The loss is NaN once, and a checkpoint, whose state can't be taken then, is due after that step."""
    (here / "once.py").write_text(DIVERGING)
    fields = [
        "plugins=[./once.py]",
        "loss=once",
        "train.on_divergence=lower-rate",
        "train.steps=30",
        "train.validations=1",
    ]
    options = [part for field in fields for part in ("--set", field)]
    ended = python(*QNAS, "run", "spec.yaml", "--out", "run", "--processes", "2", *OPTIONS, *options, here=here)
    succeeds(ended)
    assert "continuing from step" in ended.stderr
    assert json.loads((here / "run/train/result.json").read_text())["halvings"] == 1


def test_nothing_is_imported_from_the_working_folder(here: Path) -> None:
    (here / "random.py").write_text("open('imported', 'w')")
    line = [*QNAS_SAFE, "run", "spec.yaml", "--processes", "2", *OPTIONS]
    succeeds(subprocess.run(line, check=False, cwd=here, capture_output=True, text=True))
    assert not (here / "imported").exists()


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("search.batch=5", "search.batch: 2 processes can't have equal shares of a batch of 5 patches: take 4 or 6"),
        ("train.batch=1", "train.batch: 2 processes can't have equal shares of a batch of 1 patches: take 2"),
        ("search.bach=4", "search.bach"),
    ],
)
def test_a_mistake_is_one_line(field: str, told: str, here: Path) -> None:
    ended = python(*QNAS, "run", "spec.yaml", "--set", field, "--processes", "2", here=here)
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert told in line
    assert not (here / "runs").exists()


def test_processes_that_parted_are_named_with_what_differs() -> None:
    ended = torchrun(3, str(HERE / "parted.py"))
    told = "after step 7, process 2 no longer has the network of process 0: 1.bias differ"
    assert told in ended.stdout


def started(*options: str, here: Path) -> "subprocess.Popen[str]":
    line = [sys.executable, *QNAS, "run", "spec.yaml", "--processes", "2", *options]
    return subprocess.Popen(line, cwd=here, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(file: Path) -> None:
    end = time.monotonic() + 60
    while not (file.is_file() and file.stat().st_size):
        assert time.monotonic() < end
        time.sleep(0.05)


def children_of(process: int) -> list[int]:
    """The processes in the order of their ranks, as they were started."""
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
