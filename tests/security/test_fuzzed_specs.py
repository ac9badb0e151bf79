"""Whatever is in a spec, it is valid, or each line of the error names a place in it. There is never a traceback."""

import contextlib
import io
import re
import resource
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, strategies as st

from qnas.core.cli.main import invoke
from qnas.core.errors import InputError
from qnas.core.registry import no_foreign_code
from qnas.core.spec import dump_spec, load_spec
from qnas.core.sweep.sweep_file import read_sweep
from qnas.core.visible import one_line

from ..fuzz import fuzzed
from .mutations import NUMBERS, SHIPPED_SPECS, SHIPPED_SWEEPS, SPECS, SWEEP, files

PATIENCE_SECONDS = 20  # on a busy machine; a spec takes some ten milliseconds
MEMORY_BYTES = 2**32
UNCHECKED = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]


class HangsError(BaseException):
    """Not an Exception: those of third-party code are reported in one line."""


@contextlib.contextmanager
def in_time() -> Iterator[None]:
    def give_up(*_: object) -> None:
        raise HangsError

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(PATIENCE_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def read_or_refuse(read: Callable[[Path], object], path: Path, content: bytes) -> object:
    """The spec, or None if it is refused properly."""
    path.write_bytes(content)
    try:
        with in_time(), no_foreign_code():
            return read(path)
    except InputError as error:
        for line in str(error).split("\n"):
            assert re.match(rf"{re.escape(str(path))}:\d+:\d+: \S", line), line
            assert line == one_line(line), line
            assert len(line) < 1500, line
        return None


@given(content=files(list(SPECS.values())) | files(SHIPPED_SPECS))
@fuzzed(1200, suppress_health_check=UNCHECKED)
def test_a_mutated_spec_is_read_or_told_of(tmp_path: Path, content: bytes) -> None:
    spec = read_or_refuse(load_spec, tmp_path / "spec.yaml", content)
    if spec is not None:
        again = tmp_path / "again.yaml"
        again.write_text(dump_spec(spec))
        with no_foreign_code():
            assert load_spec(again) == spec  # as when a run is resumed, or its network used


@given(content=files([SWEEP, *SHIPPED_SWEEPS]))
@fuzzed(500, suppress_health_check=UNCHECKED)
def test_a_mutated_sweep_file_is_read_or_told_of(tmp_path: Path, content: bytes) -> None:
    read_or_refuse(read_sweep, tmp_path / "sweep.yaml", content)


KEYS = [
    "space",
    "space.name",
    "space.bits.0",
    "data.test.leaves",
    "search.steps",
    "regularizers.price",
    "name",
    "",
    "a..b",
    "0",
]
VALUES = [
    "1",
    "{",
    "[4, 8]",
    "&a [*a]",
    "!!int x",
    "{name: basic}",
    "null",
    "'",
    "1e400",
    "\x1b[2J",
    "*a",
    "- - -",
    "a: b: c",
]
settings_ = st.tuples(
    st.sampled_from(KEYS) | st.text(max_size=8),
    st.sampled_from(["=", "=", "=", "", "=="]),
    st.sampled_from(VALUES) | st.text(),
).map("".join)


@given(overrides=st.lists(settings_, min_size=1, max_size=3))
@fuzzed(250, suppress_health_check=UNCHECKED)
def test_a_mutated_setting_is_taken_or_told_of_by_its_option(tmp_path: Path, overrides: list[str]) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(SPECS["basic"])
    try:
        with in_time(), no_foreign_code():
            load_spec(path, overrides)
    except InputError as error:
        for line in str(error).split("\n"):
            assert line.startswith(("--set ", f"{path}:")), line
            assert line == one_line(line), line


@contextlib.contextmanager
def little_memory() -> Iterator[None]:
    """Limit memory: a network may have as many channels as its spec says."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY_BYTES, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


SIZES = [
    *("scale", "space.channels", "data.patch", "data.train.amount", "data.train.size", "data.validation"),
    *("search.steps", "search.epochs", "search.batch", "train.steps", "train.batch", "train.validations"),
]
sizes = st.builds(
    "{}={}".format,
    st.sampled_from(SIZES),
    st.integers(1, 9) | st.integers(0, 9).map(lambda digits: 10**digits) | st.sampled_from(NUMBERS),
)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux")
@given(
    content=st.one_of([st.just(SPECS["basic"].encode())] * 6 + [files([SPECS["basic"]])]),
    overrides=st.lists(sizes, min_size=1, max_size=2),
)
@fuzzed(40, suppress_health_check=UNCHECKED)
def test_a_mutated_spec_is_checked_or_told_of(tmp_path: Path, content: bytes, overrides: list[str]) -> None:
    path = tmp_path / "spec.yaml"
    path.write_bytes(content)
    arguments = ["check", "--no-code", str(path), *(part for one in overrides for part in ("--set", one))]
    out, err = io.StringIO(), io.StringIO()
    with in_time(), little_memory(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = invoke(arguments)
    told = err.getvalue()
    assert "Traceback" not in told, told
    assert code in {0, 2} or told.startswith("out of memory: "), told
