"""A copy of what README's commands need, and the quickstart, run once as README says."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


def blocks(document: str, language: str) -> list[str]:
    """The code blocks of one language in a document."""
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / document).read_text(), re.MULTILINE | re.DOTALL)


def commands(document: str) -> list[str]:
    """The commands that a document shows."""
    shown = "".join(blocks(document, "console"))
    return [line.removeprefix("$ ") for line in shown.splitlines()]


def shell(command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command line as somebody would who has the virtual environment on the PATH."""
    paths = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", **environment}
    return subprocess.run(command, check=False, shell=True, cwd=folder, env=paths, capture_output=True, text=True)


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the specs and README's own two."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "specs", folder / "specs")
    for name, text in zip(("small.yaml", "composed.yaml"), blocks("README.md", "yaml"), strict=True):
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="session")
def quickstart(checkout: Path) -> Path:
    """The folder of the quickstart's run."""
    done = shell("qnas run specs/quickstart.yaml", checkout)
    assert done.returncode == 0, done.stderr
    return checkout / "runs" / "quickstart"
