"""``qnas view``: what it prints, how it ends, and its messages about bad input."""

import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from qnas.core.cli.main import invoke

from ...synthetic_runs import write_run


@pytest.mark.skipif(sys.platform == "win32", reason="sends signals")
def test_it_prints_its_address_and_ends_quietly_on_ctrl_c(tmp_path: Path) -> None:
    write_run(tmp_path / "runs" / "one")
    process = subprocess.Popen(
        [sys.executable, "-m", "qnas", "view"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        with urllib.request.urlopen(url, timeout=60) as answer:
            assert b'href="one/"' in answer.read()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, out, err) == (0, "", "shows the runs in runs; Ctrl-C ends it\n")


def test_bad_input_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def said(*arguments: str) -> str:
        assert invoke(["view", *arguments]) == 2
        told = capsys.readouterr()
        assert not told.out
        (line,) = told.err.splitlines()
        return line

    assert said(str(tmp_path / "nothing")).endswith("nothing: there is no such folder: name one that holds runs")
    assert "did you mean 'html'" in said(str(tmp_path), "--report", "htlm")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        assert said(str(tmp_path), "--port", port).startswith(f"port {port}: Address already in use")


@pytest.mark.parametrize("module", ["torch", "numpy", "matplotlib", "jinja2", "http.server"])
def test_help_needs_none_of_what_it_serves_with(module: str) -> None:
    code = f"import sys; sys.modules['{module}'] = None; from qnas.core.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", code, "view", "--help"], capture_output=True, text=True, check=True)
    assert "--port" in done.stdout
