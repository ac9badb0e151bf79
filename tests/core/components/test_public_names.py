import subprocess
import sys

import pytest

import qnas


@pytest.mark.parametrize("name", qnas.__all__)
def test_a_public_name_can_be_imported(name):
    assert callable(getattr(qnas, name))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'qnas' has no attribute 'Nothing'"):
        _ = qnas.Nothing


def test_importing_qnas_imports_nothing_heavy():
    code = "import qnas, sys; print([m for m in ('torch', 'pydantic', 'numpy', 'pluggy') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
