"""How errors of third-party code are reported."""

import sys
import traceback

import pytest
from pydantic import BaseModel

from qnas.core.errors import InputError, as_input_error, first_line, is_out_of_memory
from qnas.spaces.foreign.target import call


@pytest.fixture
def theirs(tmp_path, monkeypatch):
    """A third-party module."""
    source = "import json\nimport torch\n\ndef fail():\n    return json.loads('[')\n\ndef misfit():\n"
    (tmp_path / "their_nets.py").write_text(f"{source}    return torch.ones(2) @ torch.ones(3)\n")
    monkeypatch.syspath_prepend(tmp_path)
    import their_nets

    yield their_nets
    del sys.modules["their_nets"]


@pytest.mark.parametrize(("name", "line"), [("fail", 5), ("misfit", 8)])
def test_the_place_is_the_last_in_their_code(name, line, theirs):
    with pytest.raises(InputError) as caught, as_input_error("it fails"):
        getattr(theirs, name)()
    assert str(caught.value).startswith("it fails: ")
    assert str(caught.value).endswith(f" ({theirs.__file__}:{line})")


def test_of_an_invalid_field_what_is_wrong_is_told():
    class Model(BaseModel):
        width: int

    with pytest.raises(ValueError) as caught:
        Model(width="wide")
    assert first_line(caught.value).startswith("width: Input should be a valid integer")


@pytest.mark.parametrize(("error", "told"), [(ValueError("a\nb"), "ValueError: a"), (KeyError(), "KeyError")])
def test_others_are_told_by_their_first_line(error, told):
    assert first_line(error) == told


@pytest.mark.parametrize(
    ("error", "is_meant"),
    [
        (MemoryError(), True),
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB."), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:80] data. DefaultCPUAllocator: not enough memory"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_BAD_PARAM"), False),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
    ],
)
def test_that_there_is_no_memory_is_told_from_other_errors(error, is_meant):
    assert is_out_of_memory(error) == is_meant


def test_a_module_that_is_not_there_is_said_without_how_python_looked_for_it(tmp_path, monkeypatch):
    (tmp_path / "their_broken.py").write_text("import nowhere_at_all\n")
    monkeypatch.syspath_prepend(tmp_path)
    for module, is_traced in (("nowhere_at_all", False), ("their_broken", True)):
        with pytest.raises(InputError, match="No module named 'nowhere_at_all'") as caught:
            call(f"{module}:Net", {})
        assert ("direct cause" in "".join(traceback.format_exception(caught.value))) == is_traced
