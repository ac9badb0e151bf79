"""The state of a loop as bytes: it is restored exactly, and damaged bytes are refused."""

import math

import pytest
import safetensors.torch
import torch
from hypothesis import given, strategies as st

from qnas.core.files.state import DamagedStateError, from_bytes, to_bytes

from ...fuzz import fuzzed

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
STATES = st.dictionaries(
    st.text() | st.integers(),
    st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner)),
)
DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.uint8, torch.bool)


def some_state() -> dict[str, object]:
    return {"step": 3, "weights": torch.arange(6.0).reshape(2, 3), "text": 'sha256":"' + "0" * 64, "list": [1, [2.5]]}


@fuzzed(60)
@given(STATES)
def test_what_is_no_tensor_comes_back_equal_and_of_its_type(state):
    read = from_bytes(to_bytes(state))
    assert read == state
    assert repr(read) == repr(state)  # which distinguishes 1 from 1.0 and true


def test_numbers_that_json_does_not_have_come_back():
    read = from_bytes(to_bytes({"worst": -math.inf, "none": math.nan, "pair": (1, 2)}))
    assert read["worst"] == -math.inf
    assert math.isnan(read["none"])
    assert read["pair"] == [1, 2]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_tensors_come_back_with_every_bit_and_as_they_lay_in_memory(dtype):
    values = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0)).mul(100).to(dtype)
    laid_out = {
        "plain": values,
        "channels last": values.to(memory_format=torch.channels_last),
        "transposed": values[0, 0].t(),
        "part": values[:, 1:, ::2],
        "scalar": values[0, 0, 0, 0],
        "empty": values[:0],
        "again": values,  # sharing memory
    }
    read = from_bytes(to_bytes({"inside": [laid_out]}))["inside"][0]
    for name, tensor in laid_out.items():
        assert read[name].dtype == dtype and torch.equal(read[name], tensor), name
        assert read[name].stride() == torch.empty_like(tensor).stride(), name
    assert read["plain"].data_ptr() != read["again"].data_ptr()


def test_an_optimizer_goes_on_as_if_nothing_had_happened():
    def steps(optimizer, parameter, count):
        for _ in range(count):
            optimizer.zero_grad()
            parameter.square().sum().backward()
            optimizer.step()

    def made():
        kernel = torch.nn.Parameter(torch.linspace(-1, 1, 54).reshape(2, 3, 3, 3).to(memory_format=torch.channels_last))
        return kernel, torch.optim.Adam([kernel], lr=0.1, fused=True)

    kernel, optimizer = made()
    steps(optimizer, kernel, 2)
    kept = to_bytes({"kernel": kernel, "optimizer": optimizer.state_dict()})
    steps(optimizer, kernel, 3)
    other, again = made()
    read = from_bytes(kept)
    other.data.copy_(read["kernel"])
    again.load_state_dict(read["optimizer"])
    steps(again, other, 3)
    assert torch.equal(kernel, other)


def test_any_reader_of_safetensors_can_open_it():
    tensors = safetensors.torch.load(to_bytes(some_state()))
    assert torch.equal(tensors["0"], torch.arange(6.0).reshape(2, 3))


@fuzzed(200)
@given(st.data())
def test_one_bit_that_is_wrong_is_found(data):
    content = bytearray(to_bytes(some_state()))
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(DamagedStateError):
        from_bytes(bytes(content))


@fuzzed(60)
@given(st.data())
def test_what_is_torn_or_has_something_behind_it_is_found(data):
    content = to_bytes(some_state())
    cut = data.draw(st.integers(0, len(content) - 1))
    for damaged in (content[:cut], content + b"\0", content[:cut] + b"\0" * (len(content) - cut) + b"\n"):
        with pytest.raises(DamagedStateError):
            from_bytes(damaged)


@given(st.binary(max_size=200))
def test_anything_else_is_no_state(content):
    with pytest.raises(DamagedStateError):
        from_bytes(content)


def test_another_format_is_named(monkeypatch):
    monkeypatch.setattr("qnas.core.files.state._FORMAT", "2")
    newer = to_bytes(some_state())
    monkeypatch.undo()
    with pytest.raises(DamagedStateError, match="its format is 2, and this version of qnas reads 1"):
        from_bytes(newer)


def test_what_is_no_part_of_a_state_is_refused_by_its_kind():
    with pytest.raises(TypeError, match="mappings, not set"):
        to_bytes({"tried": [{1, 2}]})
