import subprocess
import sys

import pytest

from qnas import testing
from qnas.core.registry import KINDS, Model


def test_there_is_a_check_for_every_kind():
    assert sorted(testing.__all__) == sorted(f"check_{kind}" for kind in (*KINDS, Model.kind))


@pytest.mark.parametrize("name", testing.__all__)
def test_a_public_name_can_be_imported(name):
    assert getattr(testing, name).__name__ == name


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"No qnas\.testing attribute check_nothing"):
        _ = testing.check_nothing


def test_checks_need_nothing_that_only_tests_have():
    """Except the suites themselves, which pytest runs."""
    names = "; ".join(f"testing.{name}" for name in testing.__all__)
    code = f"from qnas import testing; import sys; {names}; print({{'pytest', 'hypothesis'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
