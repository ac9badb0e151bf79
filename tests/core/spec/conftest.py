from pathlib import Path

import pytest

from qnas.core.errors import InputError
from qnas.core.spec import Spec, load_spec


@pytest.fixture
def mistakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The lines with which a spec of this text is refused; the file is called spec.yaml."""
    monkeypatch.chdir(tmp_path)

    def read(text: str | bytes, *overrides: str) -> list[str]:
        Path("spec.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(InputError) as caught:
            load_spec(Path("spec.yaml"), overrides)
        assert caught.value.exit_code == 2
        return str(caught.value).splitlines()

    return read


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The spec of this text; the file is called spec.yaml."""
    monkeypatch.chdir(tmp_path)

    def read(text: str, *overrides: str) -> Spec:
        Path("spec.yaml").write_text(text, encoding="utf-8")
        return load_spec(Path("spec.yaml"), overrides)

    return read
