"""Every hook is documented and called."""

import inspect
import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from qnas.core.files.folder import RunFolder
from qnas.core.registry import PluginInfo, hook_names, hookimpl, hookspecs, plugins
from qnas.core.run.resuming.stop import Stop
from qnas.core.run.run import run_spec
from qnas.core.spec import load_spec

from ..conftest import TINY
from .conftest import ROOT, blocks

PAGE = "docs/reference/hooks.md"
Calls = dict[str, list[dict[str, Any]]]


def parameters(hook: str) -> list[str]:
    return list(inspect.signature(getattr(hookspecs, hook)).parameters)


def recorder(hook: str, calls: Calls) -> Callable[..., None]:
    """An implementation that takes all arguments of the hook."""

    def note(**call: Any) -> None:
        calls.setdefault(hook, []).append(call)

    # pluggy reads from the code which arguments to pass.
    names = parameters(hook)
    implementation = eval(f"lambda {', '.join(names)}: note({', '.join(f'{n}={n}' for n in names)})", {"note": note})
    return hookimpl(implementation)


def run_with(plugin: object, spec: Path, folder: Path, **options: Any) -> None:
    """Install a plugin, and run a spec."""
    found = plugins()
    found.add(plugin, PluginInfo("test", "qnas-test", "1.0", "test"))
    try:
        run_spec(load_spec(spec), RunFolder(folder), **options)
    finally:
        found.manager.unregister(plugin)


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Calls:
    """What every hook was called with, from the installation of a plugin to the end of a run."""
    heard: Calls = {}
    folder = tmp_path_factory.mktemp("hooks")
    (folder / "spec.yaml").write_text(TINY)
    spec, run = folder / "spec.yaml", folder / "run"
    stop, resumed = Stop(), ModuleType("resumed")

    @hookimpl
    def qnas_step(stage: str) -> None:
        stop.signal = signal.SIGTERM if stage == "search" else None  # heeded after the first step

    vars(resumed).update(qnas_step=qnas_step, qnas_stage_resumed=recorder("qnas_stage_resumed", heard))
    with pytest.raises(KeyboardInterrupt):
        run_with(resumed, spec, run, stop=stop)
    run_with(resumed, spec, run, resume=True, until="search")
    shutil.rmtree(run)
    plugin = ModuleType("recording")
    vars(plugin).update({hook: recorder(hook, heard) for hook in hook_names()})
    run_with(plugin, spec, run)
    return heard


@pytest.mark.parametrize("hook", hook_names())
def test_a_hook_is_documented(hook: str) -> None:
    text = inspect.getdoc(getattr(hookspecs, hook))
    assert text
    section = (ROOT / PAGE).read_text().partition(f"## `{hook}`")[2].partition("\n## ")[0]
    assert text.split("``")[0].strip() in section
    for parameter in parameters(hook):
        assert f"{parameter}: " in section


@pytest.mark.parametrize("hook", hook_names())
def test_a_hook_is_called_with_all_that_it_names(hook: str, calls: Calls) -> None:
    assert hook in calls, f"{hook} is never called"
    for call in calls[hook]:
        assert list(call) == parameters(hook)
        assert all(value is not None for value in call.values())


def test_the_events_tell_what_was_done(calls: Calls) -> None:
    began = [call["stage"] for call in calls["qnas_stage_began"]]
    assert began == ["data", "search", "derive", "train", "evaluate", "report"]
    assert [call["stage"] for call in calls["qnas_stage_ended"]] == began
    for call in calls["qnas_stage_began"]:
        taken = [step["step"] for step in calls["qnas_step"] if step["stage"] == call["stage"]]
        assert not call["steps"] or max(taken) == call["steps"]


def test_a_hook_is_told_the_folder_of_the_run(calls: Calls) -> None:
    folders = {call["folder"].path for hook in hook_names() for call in calls[hook] if "folder" in call}
    assert [path.name for path in folders] == ["run"]


def test_the_example_of_the_page(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example = ModuleType("example")
    exec(blocks(PAGE, "python")[0], vars(example))
    run_with(example, tiny, tmp_path / "run")
    assert "train begins: 6 steps\n" in capsys.readouterr().out
    lines = [json.loads(line) for line in (tmp_path / "run/psnr.jsonl").read_text().splitlines()]
    judged = [("search", 2), ("search", 4), ("search", 6), ("train", 2), ("train", 4), ("train", 6)]
    assert [(stage, step) for stage, step, _ in lines] == [*judged, ("evaluate", 1), ("evaluate", 2)]
    assert all(5 < psnr < 50 for _, _, psnr in lines)
