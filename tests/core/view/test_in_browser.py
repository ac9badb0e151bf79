"""The pages in Chromium, while a run is under way."""

import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from qnas.core.components import Report
from qnas.core.view.pages import Content, Pages
from qnas.core.view.runs import Runs
from qnas.core.view.server import Server

from ...synthetic_runs import write_run

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync")
BUDGETS_MS = {"": 120_000, "live/": 20_000}
"""Of the time that pages see, which passes faster than ours, but not while they wait for an answer."""
STEPS = re.compile(r"search, step (\d+) of 20,000")

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")]


class Noted(Pages):
    """Pages that note what they have served, and serve none again before the run that is under way has moved on."""

    def __init__(self, folder: Path) -> None:
        super().__init__(Runs(folder), Report.of("html"))
        self.served: dict[str, list[str]] = {}
        self._seen: dict[str, int] = {}
        self._history = folder / "live" / "search" / "history.jsonl"

    def at(self, path: str) -> Content | None:
        end = time.monotonic() + 60
        while self._history.stat().st_size == self._seen.get(path) and time.monotonic() < end:
            time.sleep(0.05)
        self._seen[path] = self._history.stat().st_size
        content = super().at(path)
        self.served.setdefault(path, []).append(content.body.decode() if content else "")
        return content


@pytest.fixture
def under_way(tiny: Path, tmp_path: Path) -> Iterator[Path]:
    """The folder of a run that goes on for long, beside that of one that is done."""
    folder = tmp_path / "runs"
    write_run(folder / "done", files={"report.html": "<script>document.title = 'ran'</script><p>report</p>"})
    command = [
        "run",
        str(tiny),
        "--out",
        str(folder / "live"),
        "--set",
        "search.steps=20000",
        "--set",
        "search.epochs=10000",
    ]
    process = subprocess.Popen([sys.executable, "-m", "qnas", *command], stderr=subprocess.DEVNULL)
    try:
        history = folder / "live" / "search" / "history.jsonl"
        while not (history.is_file() and history.stat().st_size):
            assert process.poll() is None
            time.sleep(0.1)
        yield folder
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def server(under_way: Path) -> Iterator[Server]:
    with Server(Noted(under_way)) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def shown(url: str, budget_ms: int, profile: Path) -> str:
    """What a page has become after a while."""
    assert CHROMIUM is not None
    options = [*FLAGS, f"--user-data-dir={profile}", f"--virtual-time-budget={budget_ms}", "--dump-dom"]
    done = subprocess.run([CHROMIUM, *options, url], capture_output=True, text=True, check=True, timeout=300)
    return done.stdout


def test_pages_follow_a_run_without_being_loaded_again(server: Server, tmp_path: Path) -> None:
    pages = server.pages
    assert isinstance(pages, Noted)
    for path, budget in BUDGETS_MS.items():
        page = shown(server.url + path, budget, tmp_path / "profile")
        served = pages.served[path]
        assert len(served) > 5, "the script has not run"
        first, last = (STEPS.search(text) for text in (served[0], page))
        assert first and last and first[0] != last[0]
        assert any(last[0] in text for text in served)
        assert "under way" in page
    assert 'hidden=""' in page.partition('id="gone"')[2][:60]
    before, after = (text.partition("<svg")[2].count(" L ") for text in (served[0], page))
    assert after > before > 0, "the curves have not grown"


def test_a_script_in_a_report_does_not_run(server: Server, tmp_path: Path) -> None:
    page = shown(f"{server.url}done/report.html", 1_000, tmp_path / "profile")
    assert "<p>report</p>" in page and "<title>" not in page
