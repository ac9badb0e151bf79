"""Sweeps on clusters of this machine alone: they give what local ones do, to the byte."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from qnas.core.cli.main import invoke
from qnas.core.sweep.progress import Progress, read_progress

from .same_runs import refuse_different

pytestmark = pytest.mark.slow
LONG = ("--set", "search.steps=60", "--set", "train.steps=60")


def sweep(out: str, seeds: int, *arguments: str) -> "subprocess.Popen[bytes]":
    line = [sys.executable, "-m", "qnas", "sweep", "spec.yaml", "--seeds", str(seeds), "--out", out]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([*line, *LONG, *arguments], env=environment, stdout=subprocess.DEVNULL)


def succeeds(process: "subprocess.Popen[bytes]") -> None:
    assert process.wait(600) == 0


@pytest.fixture(autouse=True)
def here(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tiny.parent)
    return tiny.parent


def under_way(out: str, number: int, steps: int = 10) -> list[Progress]:
    found = [read_progress(Path(out) / f"logs/seed-{seed}.progress", Progress()) for seed in range(number)]
    return [progress for progress in found if progress.stage == "search" and progress.step > steps]


@pytest.mark.thorough
def test_submitit_queues_runs_again_that_reach_the_time_limit() -> None:
    """The signal comes after 24 s at the latest, and the run takes longer than what is left after its start."""
    pytest.importorskip("submitit")
    succeeds(sweep("local", 1, "--set", "search.steps=800"))
    limit = ("--with", "minutes=0.4", "--with", "warning=6")
    succeeds(sweep("slurm", 1, "--set", "search.steps=800", "--launcher", "slurm", "--with", "cluster=local", *limit))
    refuse_different(Path("local"), Path("slurm"), 1)


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A Ray cluster of two nodes."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        yield made
    finally:
        made.shutdown()


@pytest.mark.thorough
@pytest.mark.parametrize(("folders", "number"), [("shared", 8), ("store", 4)])
def test_all_runs_finish_once_although_a_node_dies(folders: str, number: int, cluster: Any) -> None:
    node = cluster.add_node(num_cpus=1)
    succeeds(sweep("local", number, "--jobs", "2"))
    options = (f"address={cluster.address}", f"folders={folders}")
    process = sweep("ray", number, "--launcher", "ray", *(part for one in options for part in ("--with", one)))
    while process.poll() is None and not _are_two_under_way(folders):
        time.sleep(0.2)
    assert process.poll() is None
    cluster.remove_node(node, allow_graceful=False)
    succeeds(process)
    refuse_different(Path("local"), Path("ray"), number)


def _are_two_under_way(folders: str) -> bool:
    """Whether both nodes are at work; where folders are carried, whether a run has been brought back."""
    return bool(under_way("ray", 8)[1:]) if folders == "shared" else any(Path("ray").glob("seed-*/result.json"))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["ray", "--with", "address=127.0.0.1:1"], "the launcher 'ray' reaches no cluster at '127.0.0.1:1'"),
        (["slurm"], "the launcher 'slurm' finds no Slurm on this machine"),
    ],
)
def test_a_cluster_out_of_reach_is_one_line(
    arguments: Sequence[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip({"ray": "ray", "slurm": "submitit"}[arguments[0]])
    assert told in refusal(capsys, *arguments)


def test_where_no_cluster_is_found_it_says_how_to_start_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ray finds any cluster of this machine, those of other tests too, so what it says without one is given here."""
    ray = pytest.importorskip("ray")
    monkeypatch.setattr(ray, "init", Mock(side_effect=ConnectionError("Could not find any running Ray instance.")))
    assert "start one with: ray start --head" in refusal(capsys, "ray", "--with", "address=auto")


def test_an_address_in_the_environment_where_nobody_listens_is_refused_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    assert "reaches no cluster at '127.0.0.1:1'" in refusal(capsys, "ray", "--with", "address=auto")


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert invoke(["sweep", "spec.yaml", "--launcher", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line
