import pytest
from hypothesis import given, settings, strategies as st
from pydantic import TypeAdapter, ValidationError

from qnas.core.components.rules import WidthChoices
from qnas.core.settings import FLOAT, Bits, Widths

ADAPTER = TypeAdapter(Bits)
CHOICES = TypeAdapter(WidthChoices)
WIDTHS = {*range(2, 17), 32}


@pytest.mark.parametrize("bits", range(-1, 70))
def test_2_to_16_bits_and_32_for_float_are_widths(bits):
    if bits in WIDTHS:
        assert ADAPTER.validate_python(bits) == Widths(bits, bits)
    else:
        with pytest.raises(ValidationError, match="from 2 to 16, or 32 for float"):
            ADAPTER.validate_python(bits)


@pytest.mark.parametrize("value", [True, 4.0, "4", None, {4}, {"a": 4}, [], [4], [4, 4, 4], "48", [4, "8"], [[4, 8]]])
def test_anything_else_is_refused(value):
    with pytest.raises(ValidationError):
        ADAPTER.validate_python(value)


@settings(max_examples=50)
@given(st.sampled_from(sorted(WIDTHS)), st.sampled_from(sorted(WIDTHS)))
def test_a_pair_is_weights_then_activations_and_is_written_as_shortly_as_it_can(weight, activation):
    widths = ADAPTER.validate_python([weight, activation])
    assert (widths.weight, widths.activation) == (weight, activation)
    written = ADAPTER.dump_python(widths, mode="json")
    assert written == (weight if weight == activation else [weight, activation])
    assert ADAPTER.validate_python(written) == widths


def test_labels():
    assert Widths(4, 4).label == "4"
    assert Widths(4, 8).label == "4/8"
    assert FLOAT.label == "32"


some_widths = st.lists(st.sampled_from([*range(2, 17), 32]), min_size=1, max_size=4, unique=True)


@given(some_widths, some_widths)
def test_weights_and_activations_apart_stand_for_all_pairs(weights, activations):
    apart = CHOICES.validate_python({"weights": weights, "activations": activations})
    listed = CHOICES.validate_python([[one, other] for one in weights for other in activations])
    assert apart == listed
    assert CHOICES.validate_python(CHOICES.dump_python(apart)) == apart


@pytest.mark.parametrize(
    "value", [{"weights": [4]}, {"weights": 4, "activations": [8]}, {}, {"weights": [], "bits": []}]
)
def test_one_side_alone_is_refused(value):
    with pytest.raises(ValidationError, match=r"must list both: \{weights"):
        CHOICES.validate_python(value)
