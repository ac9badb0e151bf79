"""A copy of what the README's commands need, and the quickstart, run once as in the README."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import skimage.data
from PIL import Image

from .shown import Command, shown_commands

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
PLUGIN = "qnas_chain.py"
"""The file of README's plugin."""

sys.path.append(str(ROOT))  # where the package docs.generator is


def blocks(document: str, language: str) -> list[str]:
    """The code blocks of one language in a document."""
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / document).read_text(), re.MULTILINE | re.DOTALL)


def console(document: str) -> list[list[Command]]:
    """The commands that a document shows, block by block."""
    return [list(shown_commands(block)) for block in blocks(document, "console")]


def commands(document: str) -> list[str]:
    """The lines of the commands that a document shows."""
    return [command.line for block in console(document) for command in block]


def shell(command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command line as if the virtual environment were on the PATH."""
    paths = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", **environment}
    return subprocess.run(command, check=False, shell=True, cwd=folder, env=paths, capture_output=True, text=True)


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the specs, README's own two, a photo and a folder of images."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "specs", folder / "specs")
    for name, text in zip(("small.yaml", "composed.yaml"), blocks("README.md", "yaml"), strict=True):
        (folder / name).write_text(text)
    (folder / PLUGIN).write_text(blocks("README.md", "python")[-1])
    photo = Image.fromarray(skimage.data.chelsea())
    photo.save(folder / "photo.png")
    (folder / "images").mkdir()
    for number, left in enumerate((0, 150)):
        photo.crop((left, 0, left + 150, 150)).save(folder / f"images/{number}.png")
    return folder


@pytest.fixture(scope="session")
def quickstart(checkout: Path) -> Path:
    """The folder of the quickstart's run."""
    done = shell("qnas run specs/quickstart.yaml", checkout)
    assert done.returncode == 0, done.stderr
    return checkout / "runs" / "quickstart"


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """README's plugin as if it were installed: its module and its entry points on the path."""
    (tmp_path / PLUGIN).write_text(blocks("README.md", "python")[-1])
    project = tomllib.loads(blocks("README.md", "toml")[0])["project"]
    points = "".join(f"{name} = {target}\n" for name, target in project["entry-points"]["qnas"].items())
    information = tmp_path / "qnas_chain-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: qnas-chain\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(f"[qnas]\n{points}")
    return tmp_path
