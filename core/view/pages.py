"""What stands at each address below the token."""

import mimetypes
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from qnas.core.comparison import FoundRuns, LeftOut, compare_runs, comparison_files, find_runs
from qnas.core.components import Report
from qnas.core.errors import InputError, as_input_error
from qnas.core.files.links import refuse_links_out
from qnas.core.markup import escaped
from qnas.core.run.names import SPEC, STAGES, result_of
from qnas.core.view.folder import LookedAt
from qnas.core.view.kept import Kept
from qnas.core.view.live import FOREIGN, LIVE, SCRIPT, STILL
from qnas.core.view.report import viewing
from qnas.core.view.runs import COMPARISON, Runs, ViewedRun, changed

_HTML = "text/html; charset=utf-8"
_MESSAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>qnas</title>
<body style="max-width:42em;margin:3em auto;padding:0 1em;font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere">
<p>{}</p>
<p><a href="{}">All runs</a></p>
"""


class Content(NamedTuple):
    """What a browser is given.

    Attributes:
        body: The bytes.
        kind: Their media type.
        policy: Their Content-Security-Policy.
    """

    body: bytes
    kind: str
    policy: str


class Pages:
    """The pages of a folder: its list, of each run its page and its report, and comparisons of the runs in a folder.

    An address leads to something that was found in the folder, or nowhere.

    Args:
        runs: The folder's.
        report: Makes the pages.

    Raises:
        InputError: The report can't.
    """

    def __init__(self, runs: Runs, report: Report) -> None:
        self._runs = runs
        self._report, self._view = report, viewing(report)
        self._kept = Kept()

    def at(self, path: str) -> Content | None:
        """What stands at a path, None if nothing does. The path of a page ends with a slash, or is empty."""
        runs = self._runs.look()
        folder, _, name = path.rpartition("/")
        run = next((run for run in runs.runs if run.path == folder), None)
        if run is not None and not name:
            return _page(self._run_page(run))
        if run is not None and name == run.report:
            return _file(run)
        if not path:
            return _page(self._view.view_list(runs, SCRIPT))
        if runs.comparison(folder) and Path(name).stem == Path(COMPARISON).stem:
            return self._comparison(folder, runs.within(folder), name)
        return None

    def _run_page(self, run: ViewedRun) -> str:
        return self._kept.get(("run", run.path), _version(run), lambda: self._view.view_run(run, SCRIPT))

    def _comparison(self, folder: str, runs: Sequence[ViewedRun], name: str) -> Content | None:
        where = self._runs.folder / folder
        version = [(run.path, run.standing.state, run.figures) for run in runs]
        try:
            files = self._kept.get(("comparison", folder), version, lambda: _compared(runs, self._report, where))
        except InputError as error:
            home = "../" * len(Path(folder).parts) or "./"
            return Content(_MESSAGE.format(escaped(f"No comparison: {error}"), home).encode(), _HTML, STILL)
        shown = next(iter(files)) if name == COMPARISON else name
        return Content(files[shown], _kind(shown), STILL) if shown in files else None


def _page(text: str) -> Content:
    return Content(text.encode(), _HTML, LIVE)


def _file(run: ViewedRun) -> Content | None:
    """The report of a run, None if it is gone or a link leads out to it."""
    folder = run.record.folder
    try:
        body = folder.read_bytes(run.report) if isinstance(folder, LookedAt) else b""
    except OSError:
        return None
    return Content(body, _kind(run.report), FOREIGN)


def _kind(name: str) -> str:
    kind, _ = mimetypes.guess_type(name)
    return f"{kind}; charset=utf-8" if kind and kind.startswith("text/") else kind or "application/octet-stream"


def _version(run: ViewedRun) -> object:
    """What changes when the page of a run does."""
    folder = run.record.folder
    files = [changed(folder.path / name) for name in (SPEC, *map(result_of, STAGES))]
    return run.standing, files, [folder.history_size(stage) for stage in STAGES]


def _compared(runs: Sequence[ViewedRun], report: Report, where: Path) -> Mapping[str, bytes]:
    begun = [run.record.path for run in runs if run.record.has_begun]
    refused = {path: why for path in begun if (why := _links_out(path))}
    with as_input_error("the runs can't be compared (a file may be damaged)"):
        found = find_runs(path for path in begun if path not in refused)
        left_out = [*found.left_out, *(LeftOut(path, why) for path, why in refused.items())]
        comparison = compare_runs(FoundRuns(found.runs, tuple(left_out)), title=where.resolve().name)
        return comparison_files(report, comparison, where)


def _links_out(folder: Path) -> str:
    try:
        refuse_links_out(folder)
    except (InputError, OSError) as error:
        return str(error)
    return ""
