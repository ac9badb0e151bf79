"""The programs that the documents show run as they are."""

import re
from pathlib import Path

import pytest
from PIL import Image

from .conftest import BIN, ROOT, blocks, shell

PAGE = "docs/python.md"


def done(program: str, folder: Path) -> str:
    """What a program prints if it succeeds."""
    (folder / "program.py").write_text(program)
    done = shell(f"{BIN}/python program.py", folder, OMP_NUM_THREADS="1")
    assert done.returncode == 0, done.stderr
    return done.stdout


def is_twice_as_large(folder: Path) -> bool:
    """Whether the enlarged photograph is."""
    lr, sr = (Image.open(folder / name).size for name in ("photo.png", "photo_x2.png"))
    return sr == (2 * lr[0], 2 * lr[1])


@pytest.mark.slow
def test_the_page_on_python_is_one_program(checkout: Path, tmp_path: Path) -> None:
    (spec,) = re.findall(r'^```yaml title="small.yaml"\n(.*?)^```', (ROOT / PAGE).read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "small.yaml").write_text(spec)
    (tmp_path / "photo.png").symlink_to(checkout / "photo.png")
    (tmp_path / "images").mkdir()
    for angle in (0, 90, 180, 270):
        Image.open(tmp_path / "photo.png").rotate(angle, expand=True).save(tmp_path / f"images/{angle}.png")
    printed = done("".join(blocks(PAGE, "python")), tmp_path)
    bits, *rows = printed.splitlines()
    assert re.fullmatch(r"\{'0': [48], '2': [48]\}", bits)
    assert len(rows) == 2
    assert is_twice_as_large(tmp_path)
    assert (tmp_path / "mine.onnx").exists()


@pytest.mark.slow
def test_the_first_program_of_the_readme(checkout: Path, tmp_path: Path) -> None:
    for name in ("photo.png", "specs"):
        (tmp_path / name).symlink_to(checkout / name)
    done(blocks("README.md", "python")[0], tmp_path)
    assert (tmp_path / "runs/python/export/onnxruntime.onnx").exists()
    assert is_twice_as_large(tmp_path)
