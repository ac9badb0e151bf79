"""run.log: what a run did and what happened to it, with the time of each, to be read afterwards.

It collects Python's logging and warnings, including those of libraries.
"""

import contextlib
import logging
import platform
import re
import shlex
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from qnas.core.errors import QnasError, QnasWarning, UnexpectedError, first_line, is_out_of_memory, place_of
from qnas.core.files.folder import RunFolder
from qnas.core.registry import hookimpl, listening
from qnas.core.run.names import LOG
from qnas.core.visible import visible

_LOGGER = logging.getLogger("qnas")
_RUN = logging.getLogger("qnas.run")
_STAGES = logging.getLogger("qnas.stages")
_WARNINGS = logging.getLogger("qnas.warnings")
_FAILED = "failed: "


class RunLog(logging.Handler):
    """Writes run.log. Lines from before the run has its folder are held back until then.

    It never makes a run fail: if the log can't be written, it warns once and writes nothing more.

    Args:
        folder: The run's.
    """

    def __init__(self, folder: RunFolder) -> None:
        super().__init__()
        self.setFormatter(_Indented("%(asctime)s %(levelname)-7s %(message)s"))
        self.path: Path = folder.path / LOG
        self._waiting: list[str] | None = []
        self._is_broken = False

    @property
    def is_kept(self) -> bool:
        """Whether records go to the file."""
        return self._waiting is None and not self._is_broken

    def begin(self) -> None:
        """Write what was logged so far, and from now on each record: the folder belongs to the run."""
        waiting, self._waiting = self._waiting or [], None
        self._write("".join(waiting))

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        text = self.format(record) + "\n"
        if self._waiting is None:
            self._write(text)
        else:
            self._waiting.append(text)

    def _write(self, text: str) -> None:
        if self._is_broken:
            return
        try:
            with self.path.open("a", encoding="utf-8", errors="backslashreplace") as stream:
                stream.write(text)
        except OSError as error:
            self._is_broken = True
            warnings.warn(f"{self.path} is not written any more: {error.strerror or error}", QnasWarning, stacklevel=2)


class _Indented(logging.Formatter):
    """A record starts with the time; its further lines are indented."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        """The time with its time zone."""
        del datefmt
        return time.strftime("%Y-%m-%d %H:%M:%S%z", time.localtime(record.created))

    def format(self, record: logging.LogRecord) -> str:
        """The record as text without control characters."""
        return visible(super().format(record)).replace("\n", "\n  ")


def _numbers(metrics: Mapping[str, Any]) -> Iterator[str]:
    """The numbers among the metrics, and the parts of the loss."""
    for key, value in metrics.items():
        if isinstance(value, int | float):
            yield f"{key} {value:.6g}"
        elif key == "losses":
            yield f"of which {' + '.join(f'{part} {number:.6g}' for part, number in value.items())}"


class _Stages:
    """A listener that logs the stages of a run and their validations."""

    @hookimpl
    def qnas_stage_began(self, stage: str, steps: int) -> None:
        """Log it."""
        _STAGES.info("%s begins%s", stage, f": {steps} steps" if steps else "")

    @hookimpl
    def qnas_stage_resumed(self, stage: str, step: int) -> None:
        """Log it."""
        _STAGES.info("%s goes on behind step %d", stage, step)

    @hookimpl
    def qnas_step(self, stage: str, step: int, metrics: Mapping[str, Any]) -> None:
        """Log a validation."""
        if stage in {"search", "float", "train", "baselines"} and "psnr" in metrics:
            which = f" ({metrics['baseline']})" if "baseline" in metrics else ""
            _STAGES.info("%s%s validated after step %d: %s", stage, which, step, ", ".join(_numbers(metrics)))

    @hookimpl
    def qnas_stage_ended(self, stage: str, result: Mapping[str, Any]) -> None:
        """Log it."""
        seconds = result.get("seconds")
        _STAGES.info("%s ended%s", stage, f" after {seconds:.1f} s" if isinstance(seconds, int | float) else "")


class Logged(NamedTuple):
    """How far a run is, as its log says.

    Attributes:
        stage: The stage that began last, ``""`` if none has.
        step: The last of its steps that the log knows of: one that was validated.
        steps: How many it has, 0 where it says none.
        failure: Why the run failed, ``""`` if that is not the last that is known of it.
    """

    stage: str = ""
    step: int = 0
    steps: int = 0
    failure: str = ""


_LINE = re.compile(r"\S+ \S+ (?P<level>[A-Z]+) +(?P<message>.*)")
_BEGAN = re.compile(r"(?P<stage>[a-z]+) begins(?:: (?P<steps>\d{1,12}) steps)?")
_REACHED = re.compile(r"(?P<stage>[a-z]+)(?: \(.*\))? (?:goes on behind|validated after) step (?P<step>\d{1,12})\b.*")


def read_log(folder: RunFolder) -> Logged:
    """How far a run is, as far as its log can be read."""
    said = Logged()
    if folder.has(LOG):
        with contextlib.suppress(QnasError):
            for line in folder.read_text(LOG).splitlines():
                record = _LINE.fullmatch(line)
                said = _told_further(said, record["level"], record["message"]) if record else said
    return said


def _told_further(said: Logged, level: str, message: str) -> Logged:
    if began := _BEGAN.fullmatch(message):
        return Logged(began["stage"], 0, int(began["steps"] or 0))
    if (reached := _REACHED.fullmatch(message)) and reached["stage"] == said.stage:
        return said._replace(step=int(reached["step"]), failure="")
    failed = level == logging.getLevelName(logging.ERROR) and message.startswith(_FAILED)
    return said._replace(failure=message.removeprefix(_FAILED) if failed else "")


@contextlib.contextmanager
def logged(folder: RunFolder, command: Sequence[str]) -> Iterator[RunLog]:
    """A context whose events go into the log of a run.

    Raises:
        UnexpectedError: A bug raised something unexpected; the message says where to read about it.
    """
    log, root, level = RunLog(folder), logging.getLogger(), _LOGGER.level
    root.addHandler(log)
    _LOGGER.setLevel(logging.INFO)
    try:
        with _heard_warnings(), listening(_Stages()), _told(log):
            _RUN.info("%s", shlex.join(command) or "from Python")
            yield log
    finally:
        _LOGGER.setLevel(level)
        root.removeHandler(log)


def tell_environment(facts: Mapping[str, Any]) -> None:
    """Log what a run runs on: see :func:`qnas.core.run.resuming.environment.environment`."""
    packages = ", ".join(f"{name} {version}" for name, version in facts["packages"].items())
    _RUN.info("%s; Python %s on %s", packages, facts["python"], platform.platform())
    _RUN.info("device %s (%s), %s threads", facts["device"], facts["device_name"], facts["threads"])


@contextlib.contextmanager
def _heard_warnings() -> Iterator[None]:
    """Log warnings too, before they are shown as usual."""
    show = warnings.showwarning

    def hear(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        place = "" if issubclass(category, QnasWarning) else f" ({category.__name__}, {filename}:{lineno})"
        _WARNINGS.warning("%s%s", message, place)
        show(message, category, filename, lineno, file, line)

    warnings.showwarning = hear
    try:
        yield
    finally:
        if warnings.showwarning is hear:
            warnings.showwarning = show


@contextlib.contextmanager
def _told(log: RunLog) -> Iterator[None]:
    """Log what ends the run."""
    try:
        yield
    except KeyboardInterrupt as error:
        _RUN.info("%s", str(error) or "stopped")
        raise
    except Exception as error:
        _RUN.error(f"{_FAILED}%s", error, exc_info=error)
        if isinstance(error, QnasError | OSError) or is_out_of_memory(error) or not log.is_kept:
            raise
        what = f"{first_line(error)}{place_of(error)}"
        raise UnexpectedError(f"something unexpected happened: {what}; the traceback is in {log.path}") from error
