"""Standard output that can't be written costs no work."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PRINTS = r"""
import sys
from qnas.core.cli.terminal.output import make_lasting, settle

below = make_lasting()
for _ in range(int(sys.argv[1])):
    print("\u7167\u7247 \udcff " + "x" * 100)
print("a warning about \u56fe", file=sys.stderr)
open("done", "w").close()
sys.exit(settle(below, int(sys.argv[2])))
"""


def run(folder: Path, *, lines: int = 1, code: int = 0, **streams: object) -> subprocess.CompletedProcess[bytes]:
    """Run a command that prints, then does its work."""
    command = [sys.executable, "-c", PRINTS, str(lines), str(code)]
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    return subprocess.run(command, cwd=folder, env=environment, check=False, **streams)  # type: ignore[call-overload]


def test_what_the_encoding_lacks_is_escaped(tmp_path):
    ended = run(tmp_path, capture_output=True)
    assert ended.returncode == 0
    assert ended.stdout.startswith(rb"\u7167\u7247 \udcff xxx")
    assert ended.stderr.strip() == rb"a warning about \u56fe"


@pytest.mark.parametrize("code", [0, 2])
def test_a_reader_that_has_gone_is_no_failure(tmp_path, code):
    reading, writing = os.pipe()
    os.close(reading)
    ended = run(tmp_path, lines=1000, code=code, stdout=writing, stderr=writing)
    os.close(writing)
    assert ended.returncode == code
    assert (tmp_path / "done").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
@pytest.mark.parametrize("lines", [1, 1000])
def test_a_full_disk_behind_the_output_fails_after_the_work(tmp_path, lines):
    with Path("/dev/full").open("w") as full:
        ended = run(tmp_path, lines=lines, stdout=full, stderr=subprocess.PIPE)
    assert ended.returncode == 1
    assert (tmp_path / "done").exists()
    last = ended.stderr.decode().splitlines()[-1]
    assert last == "some output could not be written: No space left on device"


@pytest.mark.skipif(os.name != "posix", reason="closes streams by a shell")
def test_closed_streams_are_none(tmp_path):
    command = f"{sys.executable} -c '{PRINTS}' 1 0 >&- 2>&-"
    assert subprocess.run(command, cwd=tmp_path, shell=True, check=False).returncode == 0
    assert (tmp_path / "done").exists()


def test_the_command_itself_survives_a_reader_that_goes(tmp_path):
    command = [sys.executable, "-m", "qnas", "list"]
    reading, writing = os.pipe()
    os.close(reading)
    assert subprocess.run(command, cwd=tmp_path, stdout=writing, check=False).returncode == 0
    os.close(writing)
