"""The specs on the page of the training."""

from pathlib import Path

import pytest

from qnas.core.spec import load_spec

from .conftest import blocks

SPECS = [text for text in blocks("docs/training.md", "yaml") if "ema:" in text]


@pytest.mark.parametrize("text", SPECS)
def test_what_the_page_shows_is_valid(text: str, tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(text)
    load_spec(tmp_path / "spec.yaml")
